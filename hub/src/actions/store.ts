import * as z from "zod/mini"
import { ActionRequest, HostAction, QUEUE_DEPTH } from "@boocontrol/shared/actions"
import type { ActionState } from "@boocontrol/shared/actions"
import type { AuditQuery } from "@boocontrol/shared/audit"
import { CommandId } from "@boocontrol/shared/commands"
import { BooError } from "@boocontrol/shared/errors"
import type { Page, PageQuery } from "@boocontrol/shared/http"
import { HostId } from "@boocontrol/shared/ids"
import type { HubId } from "@boocontrol/shared/ids"
import { Instant } from "@boocontrol/shared/time"
import type { Sql } from "../platform/postgres.ts"
import { auditPage } from "./audit.ts"

/** The payload is the host id. */
export const ACTIONS_CHANNEL = "boo_actions"

export const StoredAction = z.extend(HostAction, {
  action_id: CommandId,
  request_started_at: z.nullable(Instant),
  lease_id: z.nullable(z.uuid()),
  fencing_token: z.nullable(z.int()),
})
export type StoredAction = z.infer<typeof StoredAction>

/** What an action is done under: a lease, or after a takeover its token alone. */
export interface ActedUnder {
  readonly lease_id: string | null
  readonly fencing_token: number | null
}

export interface Asked {
  id: CommandId
  host: HostId
  request: ActionRequest
  actor: string
  under: ActedUnder
}

export type CancelRequest = Extract<ActionRequest, { action: "cancel" }>

const Position = z.object({ position: z.int() })
const Cursor = z.tuple([Instant, z.uuid()])
/** Those that ended a moment ago are shown, so that a person sees what became of them. */
const SHOWN_AFTER = "60 seconds"

export type ActionsStore = ReturnType<typeof actionsStore>

export function actionsStore(sql: Sql) {
  const columns = sql`action_id, provider_id, action, model, profile, inflight_id, actor, state, reason, took_ms,
    created_at, started_at, ended_at, request_started_at, lease_id, fencing_token`

  return {
    /** Its place in the queue, from 1; null where that is full. */
    async enqueue({ id, host, request, actor, under }: Asked): Promise<number | null> {
      const model = "model" in request ? request.model : null
      const profile = "profile" in request ? request.profile : null
      const rows = await sql`
        select boo_action_enqueue(${id}::uuid, ${host}, ${request.action}, ${model}, ${profile}, ${actor},
          ${under.lease_id}::uuid, ${under.fencing_token}::bigint, ${QUEUE_DEPTH}) as position`
      const { position } = Position.parse(rows[0])
      return position === 0 ? null : position
    },
    /** Beside the queue: it runs from the beginning. */
    async begin({ id, host, request, actor }: Asked & { request: CancelRequest }): Promise<StoredAction> {
      const rows = await sql`
        insert into control_actions
          (action_id, provider_id, action, inflight_id, request_started_at, actor, state, started_at)
        values (${id}, ${host}, 'cancel', ${request.inflight_id}, ${request.started_at}, ${actor}, 'running',
          clock_timestamp())
        returning ${columns}`
      return StoredAction.parse(rows[0])
    },
    /** What is to be done next on a host, for this hub; `resumed` where another hub had begun it. */
    async claim(host: HostId, hub: HubId): Promise<{ action: StoredAction; resumed: boolean } | null> {
      const rows = await sql`
        select resumed, ${columns} from (
          select c.resumed, (c.claimed).* from boo_action_claim(${host}, ${hub}::uuid) c) x`
      const [row] = rows
      return row ? { action: StoredAction.parse(row), resumed: row["resumed"] === true } : null
    },
    /** False where another hub has it by now. */
    async keepUp(id: CommandId, hub: HubId): Promise<boolean> {
      const rows = await sql`
        update control_actions set hub_until = clock_timestamp() + interval '10 seconds'
        where action_id = ${id} and hub_id = ${hub} and state = 'running' returning 1`
      return rows.length > 0
    },
    async end(id: CommandId, state: ActionState, said: { reason: string | null; took_ms: number | null }) {
      await sql`
        update control_actions
        set state = ${state}, reason = ${said.reason}, took_ms = ${said.took_ms}, ended_at = clock_timestamp()
        where action_id = ${id} and state in ('waiting', 'running')`
    },
    /** What a host's frame shows: what waits and runs, and what ended a moment ago; oldest first. */
    async shown(host: HostId): Promise<HostAction[]> {
      const rows = await sql`
        select ${columns} from control_actions
        where provider_id = ${host} and (state in ('waiting', 'running')
          or (created_at > clock_timestamp() - interval '1 day'
            and ended_at > clock_timestamp() - ${SHOWN_AFTER}::interval))
        order by ticket`
      return rows.map((row) => HostAction.parse(row)).slice(-20)
    },
    async queue(host: HostId): Promise<HostAction[]> {
      const rows = await sql`
        select ${columns} from control_actions
        where provider_id = ${host} and state in ('waiting', 'running') and action <> 'cancel' order by ticket`
      return rows.map((row) => HostAction.parse(row))
    },
    /** Hosts where something waits, or runs without a hub that keeps it up. */
    async open(): Promise<HostId[]> {
      const rows = await sql`
        select distinct provider_id from control_actions
        where state = 'waiting' or (state = 'running' and action <> 'cancel' and hub_until <= clock_timestamp())`
      return rows.map((row) => HostId.parse(row["provider_id"]))
    },
    /** A cancellation is over within seconds; one that is not died with its hub. */
    async failLostCancels(): Promise<void> {
      await sql`
        update control_actions set state = 'failed', ended_at = clock_timestamp(),
          reason = 'the hub that did it ended: what came of it is not known'
        where state = 'running' and action = 'cancel' and started_at < clock_timestamp() - interval '60 seconds'`
    },
    async page(host: HostId, { limit, cursor }: PageQuery): Promise<Page<HostAction>> {
      const [at, id] = cursor === undefined ? [null, null] : readCursor(cursor)
      const rows = await sql`
        select ${columns} from control_actions
        where provider_id = ${host}
          ${at === null ? sql`` : sql`and (created_at, action_id) < (${at}, ${id}::uuid)`}
        order by created_at desc, action_id desc limit ${limit + 1}`
      const page = rows.slice(0, limit).map((row) => HostAction.parse(row))
      const last = page.at(-1)
      return { rows: page, next: rows.length > limit && last ? writeCursor(last) : null }
    },
    auditPage: (query: AuditQuery) => auditPage(sql, query),
    async audit(entry: { actor: string; action: string; host: HostId; detail: Record<string, unknown> }) {
      const { actor, action, host, detail } = entry
      await sql`
        insert into audit_log (actor, action, provider_id, detail)
        values (${actor}, ${action}, ${host}, ${JSON.stringify(detail)}::text::jsonb)`
    },
  }
}

function writeCursor({ created_at, action_id }: HostAction): string {
  return Buffer.from(JSON.stringify([created_at, action_id])).toString("base64url")
}

function readCursor(text: string): [Instant, string] {
  try {
    return Cursor.parse(JSON.parse(Buffer.from(text, "base64url").toString("utf8")))
  } catch {
    throw new BooError("BAD_CURSOR")
  }
}

/** The request that a row was made of; null for a kind that this version does not know. */
export function requestOf(row: StoredAction): ActionRequest | null {
  const { action, model, profile, inflight_id, request_started_at: started_at } = row
  const fields: Record<string, unknown> = {
    ...(action === "warm" || action === "unload" ? { model } : {}),
    ...(action === "profile" ? { profile } : {}),
    ...(action === "cancel" ? { inflight_id, started_at } : {}),
  }
  return ActionRequest.safeParse({ action, ...fields }).data ?? null
}
