import { ActivityRow } from "@boocontrol/shared/activity"
import { RequestId } from "@boocontrol/shared/ids"
import * as z from "zod/mini"
import type { Sql, TransactionSql } from "../../platform/postgres.ts"
import { ENRICHMENT_COLUMNS, identityKey, isEnriched } from "../core.ts"
import type { ActivityBatch, LooseEnrichment } from "../core.ts"

const COLUMN_TYPES = {
  id: "uuid",
  provider_id: "text",
  swap_epoch: "uuid",
  swap_entry_id: "bigint",
  ts: "timestamptz",
  model: "text",
  req_path: "text",
  status_code: "integer",
  duration_ms: "double precision",
  cache_tokens: "bigint",
  input_tokens: "bigint",
  prompt_tokens: "bigint",
  uncached_tokens: "bigint",
  token_basis: "text",
  output_tokens: "bigint",
  prompt_tps: "double precision",
  gen_tps: "double precision",
  draft_tokens: "bigint",
  draft_accepted: "bigint",
  error: "text",
  has_capture: "boolean",
  source: "text",
  request_id: "text",
  client_ip: "text",
  user_agent: "text",
  session_id: "text",
} as const satisfies Record<keyof ActivityRow, string>

/** Columns of a request row as they travel. */
export const ROW_COLUMNS = Object.keys(COLUMN_TYPES) as (keyof ActivityRow)[]
const COLUMN_LIST = ROW_COLUMNS.join(", ")
const RETURNED = ROW_COLUMNS.map((column) => `t.${column}`).join(", ")
const RECORD = ROW_COLUMNS.map((column) => `${column} ${COLUMN_TYPES[column]}`).join(", ")
const FILLED = ENRICHMENT_COLUMNS.map((column) => `${column} = coalesce(t.${column}, n.${column})`).join(", ")
const FILLS_A_HOLE = ENRICHMENT_COLUMNS.map(
  (column) => `(t.${column} is null and n.${column} is not null)`,
).join(" or ")

const ActivityRows = z.array(ActivityRow)

export interface StoredBatch {
  /** Rows that are new or have changed. */
  changed: ActivityRow[]
  /** Messages whose enrichments found no row. */
  notYet: number[]
}

/** Stores a batch in one transaction. Doing it again, in whole or in part, changes nothing and returns no row. */
export async function storeRequests(sql: Sql, batch: ActivityBatch): Promise<StoredBatch> {
  return await sql.begin(async (tx) => {
    // Two hubs could store one request under two epochs at the same time, neither seeing the other's row. Taken in
    // the order of their names, so that two batches cannot wait for each other.
    const hosts = [...new Set([...batch.rows, ...batch.enrichments].map((row) => row.provider_id))].sort()
    // Sent together; Postgres takes the lock before it looks at the rows.
    const [, inserted] = await Promise.all([lockHosts(tx, hosts), upsertRows(tx, batch.rows)])
    const returned = new Set(inserted.map(identityKey))
    // A row that was known under another epoch may still know more than the stored one.
    const known = batch.rows.filter((row) => isEnriched(row) && !returned.has(identityKey(row)))
    const { changed, notYet } = await fillEnrichments(tx, [
      ...batch.enrichments,
      ...known.map((row) => ({ ...row, envelope: null })),
    ])
    return { changed: [...inserted, ...changed], notYet }
  })
}

async function lockHosts(tx: TransactionSql, hosts: readonly string[]): Promise<void> {
  await tx`
    select pg_advisory_xact_lock(hashtextextended('control_requests ' || host, 0))
    from unnest(${[...hosts]}::text[]) as host`
}

async function upsertRows(tx: TransactionSql, rows: readonly ActivityRow[]): Promise<ActivityRow[]> {
  const times = rows.map((row) => row.ts).sort()
  const [first] = times
  const last = times.at(-1)
  if (first === undefined || last === undefined) return []
  // The bounds on ts let the planner leave out all other partitions.
  const stored = await tx`
    insert into control_requests as t (${tx.unsafe(COLUMN_LIST)})
    select ${tx.unsafe(COLUMN_LIST)}
    from json_to_recordset(${tx.json(rows)}::json) as r(${tx.unsafe(RECORD)})
    where not exists (
      select from control_requests s
      where s.provider_id = r.provider_id and s.ts = r.ts and s.ts between ${first} and ${last}
        and s.swap_entry_id = r.swap_entry_id and s.swap_epoch <> r.swap_epoch and s.model = r.model
        and s.duration_ms is not distinct from r.duration_ms
        and s.output_tokens is not distinct from r.output_tokens)
    on conflict (provider_id, swap_epoch, swap_entry_id, ts) do update set
      ${tx.unsafe(FILLED.replaceAll("n.", "excluded."))}
      where ${tx.unsafe(FILLS_A_HOLE.replaceAll("n.", "excluded."))}
    returning ${tx.unsafe(RETURNED)}`
  return ActivityRows.parse([...stored])
}

type Fill = Omit<LooseEnrichment, "envelope"> & { envelope: number | null }
const Found = z.array(z.object({ n: z.int(), id: z.nullable(RequestId) }))

async function fillEnrichments(tx: TransactionSql, fills: readonly Fill[]): Promise<StoredBatch> {
  if (fills.length === 0) return { changed: [], notYet: [] }
  const found = Found.parse([...(await findRows(tx, fills))])
  const byId = new Map<string, Record<string, unknown>>()
  const notYet = new Set<number>()
  for (const { n, id } of found) {
    const fill = fills[n]
    if (!fill) continue
    if (id !== null) byId.set(id, { ...fill, ...definedOf(byId.get(id)), id })
    else if (fill.envelope !== null) notYet.add(fill.envelope)
  }
  const changed = await tx`
    update control_requests t set ${tx.unsafe(FILLED)}
    from json_to_recordset(${tx.json([...byId.values()].map(asJson))}::json) as n(${tx.unsafe(RECORD)})
    where t.id = n.id and t.ts = n.ts and (${tx.unsafe(FILLS_A_HOLE)})
    returning ${tx.unsafe(RETURNED)}`
  return { changed: ActivityRows.parse([...changed]), notYet: [...notYet].sort((a, b) => a - b) }
}

/** The row an enrichment speaks of: of its own epoch, else the same entry that was first stored under another one. */
function findRows(tx: TransactionSql, fills: readonly Fill[]): PromiseLike<readonly unknown[]> {
  const wanted = fills.map(({ provider_id, swap_epoch, swap_entry_id, ts }, n) => ({
    ...{ n, provider_id, swap_epoch, swap_entry_id, ts },
  }))
  return tx`
    select r.n, (
      select t.id from control_requests t
      where t.provider_id = r.provider_id and t.ts = r.ts and t.swap_entry_id = r.swap_entry_id
      order by (t.swap_epoch = r.swap_epoch) desc, t.created_at
      limit 1) as id
    from json_to_recordset(${tx.json(wanted)}::json)
      as r(n integer, provider_id text, swap_epoch uuid, swap_entry_id bigint, ts timestamptz)
    order by r.n`
}

function definedOf(fill: Record<string, unknown> | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fill ?? {}).filter(([, value]) => value !== null))
}

function asJson(fill: Record<string, unknown>): Record<string, string | null> {
  return Object.fromEntries(
    ["id", "ts", ...ENRICHMENT_COLUMNS].map((column) => [column, textOrNull(fill[column])]),
  )
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null
}
