import * as z from "zod/mini"
import type { Sql } from "../platform/postgres.ts"
import { Role } from "./core.ts"

const Row = z.object({
  id: z.uuid(),
  label: z.string(),
  role: Role,
  token_hash: z.instanceof(Uint8Array),
  expires_at_ms: z.nullable(z.number()),
  created_at_ms: z.number(),
  revoked_at_ms: z.nullable(z.number()),
  last_used_at_ms: z.nullable(z.number()),
})
export type StoredToken = z.infer<typeof Row>

export interface NewToken {
  id: string
  label: string
  role: Role
  hash: Uint8Array
  expiresAtMs: number | null
}

/** Every hub hears of a change by this channel. */
export const TOKENS_CHANNEL = "boo_tokens"

export function tokensStore(sql: Sql) {
  const ms = (column: string) => sql`(extract(epoch from ${sql(column)}) * 1000)::float8`
  const announce = () => sql`select pg_notify(${TOKENS_CHANNEL}, '')`
  return {
    async all(): Promise<StoredToken[]> {
      const rows = await sql`
        select id, label, role, token_hash, ${ms("expires_at")} as expires_at_ms, ${ms("created_at")} as created_at_ms,
          ${ms("revoked_at")} as revoked_at_ms, ${ms("last_used_at")} as last_used_at_ms
        from access_tokens order by created_at desc, id desc`
      return rows.map((row) => Row.parse(row))
    },
    /** False: a token with this label is in force. */
    async insert({ id, label, role, hash, expiresAtMs }: NewToken): Promise<boolean> {
      const rows = await sql`
        insert into access_tokens (id, label, role, token_hash, expires_at)
        values (${id}, ${label}, ${role}, ${hash}, to_timestamp(${expiresAtMs}::float8 / 1000))
        on conflict (label) where revoked_at is null do nothing
        returning id`
      await announce()
      return rows.length > 0
    },
    /** By label or id; false: there is none in force. */
    async revoke(name: string): Promise<boolean> {
      const rows = await sql`
        update access_tokens set revoked_at = clock_timestamp()
        where (label = ${name} or id::text = ${name}) and revoked_at is null returning id`
      await announce()
      return rows.length > 0
    },
    async used(used: readonly { id: string; atMs: number }[]): Promise<void> {
      await sql`
        update access_tokens t set last_used_at = greatest(t.last_used_at, to_timestamp(u.at_ms / 1000))
        from unnest(${used.map(({ id }) => id)}::uuid[], ${used.map(({ atMs }) => atMs)}::float8[]) u (id, at_ms)
        where t.id = u.id`
    },
  }
}
