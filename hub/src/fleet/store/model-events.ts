import * as z from "zod/mini"
import { BooError } from "@boocontrol/shared/errors"
import type { ModelEventsQuery } from "@boocontrol/shared/http"
import type { Page } from "@boocontrol/shared/http"
import type { HostId } from "@boocontrol/shared/ids"
import { ModelEventRow, ModelState } from "@boocontrol/shared/models"
import type { ModelTransition } from "@boocontrol/shared/models"
import { Instant, epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Sql } from "../../platform/postgres.ts"

const StoredEvent = z.extend(ModelEventRow, { id: z.int() })

/** Position of a row in the list: what the next page starts below. */
const Cursor = z.tuple([Instant, z.int()])

export interface ModelEventsStore {
  /** Each is stored once, however often it comes. */
  save(rows: readonly ModelEventRow[]): Promise<void>
  page(query: ModelEventsQuery): Promise<Page<ModelEventRow>>
  /** Transitions of models, oldest first. */
  transitionsSince(since: Instant): Promise<{ host: string; transition: ModelTransition }[]>
  /** Changes of the models of one host within a range, oldest first. */
  changes(
    host: HostId,
    range: { fromMs: number; toMs: number },
  ): Promise<{ model: string; state: string; atMs: number }[]>
}

export function modelEventsStore(sql: Sql): ModelEventsStore {
  return {
    async save(rows) {
      if (rows.length === 0) return
      const json = sql.json(rows.map((row) => ({ ...row, detail: row.detail as never })))
      await sql`
        insert into control_model_events (provider_id, model, state, ts, detail)
        select provider_id, model, state, ts, detail from jsonb_to_recordset(${json})
          as r (provider_id text, model text, state text, ts timestamptz, detail jsonb)
        on conflict (provider_id, model, state, ts) do nothing`
    },
    async page({ provider_id, model, state, from, to, limit, cursor }) {
      const after = cursor === undefined ? null : readCursor(cursor)
      const rows = await sql`
        select id, provider_id, model, state, ts, detail from control_model_events
        where true
          ${provider_id ? sql`and provider_id = any(${provider_id})` : sql``}
          ${model ? sql`and model = any(${model})` : sql``}
          ${isOnlyLosses(state, model) ? sql`and model = '*' and state in ('gap_suspected', 'spool_dropped')` : sql``}
          ${state ? sql`and state = any(${state})` : sql``}
          ${from ? sql`and ts >= ${from}` : sql``}
          ${to ? sql`and ts < ${to}` : sql``}
          ${after ? sql`and (ts, id) < (${after[0]}, ${after[1]})` : sql``}
        order by ts desc, id desc
        limit ${limit + 1}`
      const stored = rows.map((row) => StoredEvent.parse(row))
      const last = stored.length > limit ? stored[limit - 1] : undefined
      return {
        rows: stored.slice(0, limit).map(({ id: _id, ...row }) => row),
        next: last ? writeCursor([last.ts, last.id]) : null,
      }
    },
    async transitionsSince(since) {
      const rows = await sql`
        select provider_id, model, state, ts, detail from control_model_events
        where ts >= ${since} and model <> '*' order by ts, id`
      return rows.flatMap((row) => {
        const { provider_id, model, state, ts } = ModelEventRow.parse(row)
        const to = ModelState.safeParse(state)
        return to.success
          ? [{ host: provider_id, transition: { model, from: null, to: to.data, at: ts, reason: null } }]
          : []
      })
    },
    async changes(host, { fromMs, toMs }) {
      const rows = await sql`
        select provider_id, model, state, ts, detail from control_model_events
        where provider_id = ${host} and ts >= ${instantOf(fromMs)} and ts < ${instantOf(toMs)} and model <> '*'
        order by ts, id`
      return rows.map((row) => {
        const { model, state, ts } = ModelEventRow.parse(row)
        return { model, state, atMs: epochMsOf(ts) }
      })
    },
  }
}

const LOSSES: ReadonlySet<string> = new Set(["gap_suspected", "spool_dropped"])

/** Losses have an index of their own, which is found only by these words: they are rare among the notes of a year. */
function isOnlyLosses(state: readonly string[] | undefined, model: readonly string[] | undefined): boolean {
  return state !== undefined && state.every((one) => LOSSES.has(one)) && model?.join() === "*"
}

/** Rows of one message of a host: transitions of models, or a note of the host itself as model `*`. */
export function rowsOfTransitions(host: HostId, transitions: readonly ModelTransition[]): ModelEventRow[] {
  return transitions.map(({ model, from, to, at, reason }) => ({
    ...{ provider_id: host, model, state: to, ts: at },
    detail: { from, reason },
  }))
}

function writeCursor(cursor: z.infer<typeof Cursor>): string {
  return Buffer.from(JSON.stringify(cursor)).toString("base64url")
}

function readCursor(text: string): z.infer<typeof Cursor> {
  try {
    return Cursor.parse(JSON.parse(Buffer.from(text, "base64url").toString("utf8")))
  } catch (error) {
    throw new BooError("BAD_CURSOR", {}, error)
  }
}
