import { HostRow } from "@boocontrol/shared/hosts"
import type { HostPatch } from "@boocontrol/shared/hosts"
import type { HostId } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"
import type { Sql } from "../platform/postgres.ts"

/** What a sidecar says of its machine at its first presence. */
export interface HostFacts {
  readonly os: string | null
  readonly gpuLabel: string | null
  readonly simulated: boolean
  readonly advertiseUrl: string | null
}

export interface NewHostRow {
  readonly provider_id: HostId
  readonly display_name: string
  readonly tags: readonly string[]
}

/** Other hubs on the same database hear of a change by this channel; the payload is the host id. */
export const HOSTS_CHANNEL = "boo_hosts"

export type HostsStore = ReturnType<typeof hostsStore>

export function hostsStore(sql: Sql) {
  const columns = sql`
    provider_id, display_name, os, gpu_label, tags, enabled, simulated, advertise_url, created_at, last_seen_at`
  const parse = (rows: readonly unknown[]): HostRow[] => rows.map((row) => HostRow.parse(row))
  const one = (rows: readonly unknown[]): HostRow | null => parse(rows)[0] ?? null
  const announce = (id: HostId) => sql`select pg_notify(${HOSTS_CHANNEL}, ${id})`

  return {
    async all(): Promise<HostRow[]> {
      return parse(await sql`select ${columns} from control_hosts order by provider_id`)
    },
    async find(id: HostId): Promise<HostRow | null> {
      return one(await sql`select ${columns} from control_hosts where provider_id = ${id}`)
    },
    /** Null: it is registered already. */
    async insert({ provider_id, display_name, tags }: NewHostRow): Promise<HostRow | null> {
      const rows = await sql`
        insert into control_hosts (provider_id, display_name, tags, edited_fields)
        values (${provider_id}, ${display_name}, ${[...tags]}, '{display_name,tags}')
        on conflict (provider_id) do nothing
        returning ${columns}`
      if (rows.length > 0) await announce(provider_id)
      return one(rows)
    },
    /**
     * Registers a host that spoke, and fills what nobody filled yet. An operator's edits stand, also an emptied label.
     * The system follows the host: what its engine knows of the machine is heard after the first presence.
     */
    async ensure(id: HostId, facts: HostFacts | null): Promise<HostRow> {
      const { os = null, gpuLabel = null, simulated = false, advertiseUrl = null } = facts ?? {}
      const rows = await sql`
        insert into control_hosts as h (provider_id, display_name, os, gpu_label, simulated, advertise_url)
        values (${id}, ${id}, ${os}, ${gpuLabel}, ${simulated}, ${advertiseUrl})
        on conflict (provider_id) do update set
          os = case when 'os' = any(h.edited_fields) then h.os else coalesce(excluded.os, h.os) end,
          gpu_label = case when 'gpu_label' = any(h.edited_fields) then h.gpu_label
                           else coalesce(h.gpu_label, excluded.gpu_label) end,
          simulated = case when ${facts !== null} then excluded.simulated else h.simulated end,
          advertise_url = coalesce(excluded.advertise_url, h.advertise_url)
        returning ${columns}, (xmax = 0) as inserted`
      if (rows[0]?.["inserted"] === true) await announce(id)
      return HostRow.parse(rows[0])
    },
    async patch(id: HostId, patch: HostPatch): Promise<HostRow | null> {
      const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined))
      const fields = Object.keys(given)
      if (fields.length === 0) return this.find(id)
      const rows = await sql`
        update control_hosts set ${sql(given, ...fields)},
          edited_fields = (select array_agg(distinct f) from unnest(edited_fields || ${fields}::text[]) f)
        where provider_id = ${id}
        returning ${columns}`
      if (rows.length > 0) await announce(id)
      return one(rows)
    },
    /** Its history stays, under the same id. */
    async remove(id: HostId): Promise<boolean> {
      const rows = await sql`delete from control_hosts where provider_id = ${id} returning provider_id`
      if (rows.length > 0) await announce(id)
      return rows.length > 0
    },
    async seen(hosts: readonly { id: HostId; at: Instant }[]): Promise<void> {
      await sql`
        update control_hosts h set last_seen_at = s.at
        from unnest(${hosts.map((host) => host.id)}::text[], ${hosts.map((host) => host.at)}::timestamptz[]) s (id, at)
        where h.provider_id = s.id and h.last_seen_at is distinct from s.at`
    },
  }
}
