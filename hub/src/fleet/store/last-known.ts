import * as z from "zod/mini"
import { FleetHost } from "@boocontrol/shared/fleet"
import { HostId, InstanceId } from "@boocontrol/shared/ids"
import { ModelReading } from "@boocontrol/shared/models"
import { Instant } from "@boocontrol/shared/time"
import type { Sql } from "../../platform/postgres.ts"
import type { HostState } from "../core.ts"
import type { LastKnown } from "../new-host.ts"

/** What a presence says: the part of a host that a new hub shows until it hears the next one. */
const LastShown = z.partial(
  z.pick(FleetHost, {
    sidecar_version: true,
    engine_version: true,
    engine_era: true,
    engine_lacks: true,
    problem: true,
    hardware: true,
    gpus: true,
    gpu_feed: true,
    spool: true,
  }),
)

const StateRow = z.object({
  provider_id: HostId,
  holder_instance: z.nullable(InstanceId),
  last_seen_at: z.nullable(Instant),
  state: z.unknown(),
})
const ModelRowOfHost = z.object({ provider_id: HostId, reading: z.unknown() })

export interface LastKnownStore {
  load(): Promise<Map<HostId, LastKnown>>
  saveStates(hosts: readonly HostState[]): Promise<void>
  saveModels(hosts: readonly HostState[]): Promise<void>
  forget(host: HostId): Promise<void>
}

/** `control_host_state` and `control_models`: written behind the live state, read once at the start. */
export function lastKnownStore(sql: Sql): LastKnownStore {
  return {
    async load() {
      const known = new Map<HostId, LastKnown & { models: ModelReading[] }>()
      for (const row of await sql`select provider_id, holder_instance, last_seen_at, state from control_host_state`) {
        const { provider_id, holder_instance, last_seen_at, state } = StateRow.parse(row)
        // Written by another version, maybe: what it does not understand, this one learns from the next presence.
        const shown = LastShown.safeParse(state)
        const seen = last_seen_at === null ? {} : { last_seen_at }
        known.set(provider_id, {
          shown: { ...(shown.success ? definedOf(shown.data) : {}), ...seen },
          models: [],
          holder: holder_instance,
        })
      }
      for (const row of await sql`select provider_id, reading from control_models order by provider_id, position`) {
        const { provider_id, reading } = ModelRowOfHost.parse(row)
        const model = ModelReading.safeParse(reading)
        if (model.success) known.get(provider_id)?.models.push(model.data)
      }
      return known
    },
    async saveStates(hosts) {
      const rows = hosts.map(({ shown, holder }) => ({
        provider_id: shown.provider_id,
        liveness: shown.liveness,
        liveness_since: shown.liveness_since,
        last_seen_at: shown.last_seen_at,
        holder_instance: holder?.instance ?? null,
        state: lastShownOf(shown),
      }))
      await sql`
        insert into control_host_state
          (provider_id, liveness, liveness_since, last_seen_at, holder_instance, state)
        select provider_id, liveness, liveness_since, last_seen_at, holder_instance, state
        from jsonb_to_recordset(${sql.json(asJson(rows))}) as r (provider_id text, liveness text,
          liveness_since timestamptz, last_seen_at timestamptz, holder_instance uuid, state jsonb)
        on conflict (provider_id) do update set liveness = excluded.liveness,
          liveness_since = excluded.liveness_since, last_seen_at = excluded.last_seen_at,
          holder_instance = excluded.holder_instance, state = excluded.state, updated_at = clock_timestamp()`
    },
    async saveModels(hosts) {
      const rows = hosts.flatMap(({ shown, reported }) =>
        shown.models.map(({ id, state }, position) => ({
          ...{ provider_id: shown.provider_id, model: id, position, state },
          reading: reported[position],
        })),
      )
      const ids = hosts.map(({ shown }) => shown.provider_id)
      await sql.begin(async (tx) => {
        const json = tx.json(asJson(rows))
        await tx`
          delete from control_models m where m.provider_id = any(${ids}) and not exists (
            select from jsonb_to_recordset(${json}) as r (provider_id text, model text)
            where r.provider_id = m.provider_id and r.model = m.model)`
        await tx`
          insert into control_models (provider_id, model, position, state, reading)
          select distinct on (provider_id, model) provider_id, model, position, state, reading
          from jsonb_to_recordset(${json}) as r
            (provider_id text, model text, position integer, state text, reading jsonb)
          order by provider_id, model, position
          on conflict (provider_id, model) do update set position = excluded.position,
            state = excluded.state, reading = excluded.reading, updated_at = clock_timestamp()
          where (control_models.position, control_models.state, control_models.reading)
            is distinct from (excluded.position, excluded.state, excluded.reading)`
      })
    },
    async forget(host) {
      await sql`delete from control_host_state where provider_id = ${host}`
      await sql`delete from control_models where provider_id = ${host}`
    },
  }
}

const LAST_SHOWN_KEYS = Object.keys(LastShown.shape) as (keyof z.infer<typeof LastShown>)[]

// It was parsed when it came: only picked here, for a thousand hosts at a time.
function lastShownOf(shown: FleetHost): Record<string, unknown> {
  return Object.fromEntries(LAST_SHOWN_KEYS.map((key) => [key, shown[key]]))
}

function definedOf<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}

// Everything in a host's state came from JSON; the library's type for it knows no readonly arrays.
function asJson(value: readonly unknown[]): Parameters<Sql["json"]>[0] {
  return value as Parameters<Sql["json"]>[0]
}
