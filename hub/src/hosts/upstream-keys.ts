import type { HostId } from "@boocontrol/shared/ids"
import type { Log } from "../platform/log.ts"
import type { SecretBox } from "../platform/secret-box.ts"
import { HOSTS_CHANNEL } from "./store.ts"
import type { Sql } from "../platform/postgres.ts"

/** Keys that the gateway sends to hosts: sealed in the database, open in memory, given out to nobody else. */
export interface UpstreamKeys {
  load(): Promise<void>
  /** Another hub may have changed it. */
  reload(host: HostId): Promise<void>
  /** False: there is no such host. */
  set(host: HostId, key: string | null): Promise<boolean>
  keyOf(host: HostId): string | null
}

interface Row {
  provider_id: HostId
  upstream_key_encrypted: Uint8Array | null
}

export function createUpstreamKeys({ sql, box, log }: { sql: Sql; box: SecretBox; log: Log }): UpstreamKeys {
  const keys = new Map<HostId, string>()

  const keep = ({ provider_id: host, upstream_key_encrypted: sealed }: Row): void => {
    const key = sealed === null ? null : box.open(sealed, placeOf(host))
    if (key === null) keys.delete(host)
    else keys.set(host, key)
    if (sealed !== null && key === null) {
      log.warn({ host }, "the upstream key cannot be opened with the key in this data folder: enter it anew")
    }
  }

  return {
    async load() {
      const rows = await sql<Row[]>`
        select provider_id, upstream_key_encrypted from control_hosts where upstream_key_encrypted is not null`
      for (const row of rows) keep(row)
    },
    async reload(host) {
      const [row] = await sql<Row[]>`
        select provider_id, upstream_key_encrypted from control_hosts where provider_id = ${host}`
      if (row) keep(row)
      else keys.delete(host)
    },
    async set(host, key) {
      const sealed = key === null ? null : box.seal(key, placeOf(host))
      const rows = await sql`
        update control_hosts set upstream_key_encrypted = ${sealed} where provider_id = ${host} returning 1`
      if (rows.length === 0) return false
      if (key === null) keys.delete(host)
      else keys.set(host, key)
      await sql`select pg_notify(${HOSTS_CHANNEL}, ${host})`
      return true
    },
    keyOf: (host) => keys.get(host) ?? null,
  }
}

function placeOf(host: HostId): string {
  return `host:${host}`
}
