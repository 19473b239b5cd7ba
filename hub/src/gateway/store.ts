import { GatewayKey } from "@boocontrol/shared/gateway"
import type { KeyUser, NewGatewayKey } from "@boocontrol/shared/gateway"
import { instantOf } from "@boocontrol/shared/time"
import * as z from "zod/mini"
import type { Sql } from "../platform/postgres.ts"

/** Other hubs on the same database hear of a change by this channel. */
export const KEYS_CHANNEL = "boo_gateway_keys"

const Stored = z.extend(z.omit(GatewayKey, { used: true }), { key_hash: z.instanceof(Uint8Array) })
export type StoredKey = z.infer<typeof Stored>

const Usage = z.object({
  key_id: z.uuid(),
  tokens_day: z.number(),
  tokens_month: z.number(),
  money_day: z.number(),
  money_month: z.number(),
})
export type StoredUsage = z.infer<typeof Usage>

export interface UsedByKey {
  readonly keyId: string
  readonly requests: number
  readonly tokens: number
  readonly money: number
  readonly lastUsedMs: number
  readonly lastUsedBy: KeyUser | null
}

export interface KeyToStore {
  readonly id: string
  readonly hash: Buffer
  readonly hint: string
  readonly wanted: NewGatewayKey
}

export type KeysStore = ReturnType<typeof keysStore>

export function keysStore(sql: Sql) {
  const columns = sql`
    id, label, key_hash, hint, models, requests_per_min, tokens_per_min, tokens_per_day, tokens_per_month, money_per_day,
    money_per_month, expires_at, created_at, revoked_at, last_used_at,
    last_used_by`
  const announce = () => sql`select pg_notify(${KEYS_CHANNEL}, '')`

  return {
    async all(): Promise<StoredKey[]> {
      const rows = await sql`select ${columns} from gateway_keys order by created_at desc, id desc`
      return rows.map((row) => Stored.parse(row))
    },
    async insert({ id, hash, hint, wanted }: KeyToStore): Promise<void> {
      const { label, models = null, expires_at = null } = wanted
      await sql`
        insert into gateway_keys (id, label, key_hash, hint, models, requests_per_min, tokens_per_min, tokens_per_day,
          tokens_per_month, money_per_day, money_per_month, expires_at)
        values (${id}, ${label}, ${hash}, ${hint}, ${models}, ${wanted.requests_per_min ?? null},
          ${wanted.tokens_per_min ?? null}, ${wanted.tokens_per_day ?? null}, ${wanted.tokens_per_month ?? null},
          ${wanted.money_per_day ?? null}, ${wanted.money_per_month ?? null}, ${expires_at})`
      await announce()
    },
    /** It stays listed, so that what it did can be told. False: there is no such key, or it was revoked before. */
    async revoke(id: string): Promise<boolean> {
      const rows = await sql`
        update gateway_keys set revoked_at = clock_timestamp() where id = ${id} and revoked_at is null returning id`
      if (rows.length > 0) await announce()
      return rows.length > 0
    },
    /** What all hubs together have stored for the day and the month of `nowMs`. */
    async usage(nowMs: number): Promise<StoredUsage[]> {
      const day = instantOf(nowMs).slice(0, 10)
      const rows = await sql`
        select key_id, sum(tokens) filter (where day = ${day}::date) as tokens_day, sum(tokens) as tokens_month,
          sum(money) filter (where day = ${day}::date) as money_day, sum(money) as money_month
        from gateway_key_usage
        where day between date_trunc('month', ${day}::date) and ${day}::date
        group by key_id`
      return rows.map((row) =>
        Usage.parse({
          key_id: row["key_id"],
          ...{ tokens_day: Number(row["tokens_day"] ?? 0), tokens_month: Number(row["tokens_month"] ?? 0) },
          ...{ money_day: Number(row["money_day"] ?? 0), money_month: Number(row["money_month"] ?? 0) },
        }),
      )
    },
    async add(used: readonly UsedByKey[], nowMs: number): Promise<void> {
      const day = instantOf(nowMs).slice(0, 10)
      await sql.begin(async (tx) => {
        // In the order of their ids, so that two hubs that add at once cannot wait for each other.
        for (const { keyId, requests, tokens, money, lastUsedMs, lastUsedBy } of used.toSorted((a, b) =>
          a.keyId < b.keyId ? -1 : 1,
        )) {
          await tx`
            insert into gateway_key_usage as u (key_id, day, requests, tokens, money)
            values (${keyId}, ${day}::date, ${requests}, ${tokens}, ${money})
            on conflict (key_id, day) do update set
              requests = u.requests + excluded.requests, tokens = u.tokens + excluded.tokens, money = u.money + excluded.money`
          await tx`
            update gateway_keys set last_used_at = ${instantOf(lastUsedMs)}, last_used_by = ${sql.json(lastUsedBy)}
            where id = ${keyId} and (last_used_at is null or last_used_at <= ${instantOf(lastUsedMs)})`
        }
      })
    },
  }
}
