import { ActivityRow, AttributionBasis } from "@boocontrol/shared/activity"
import { RequestId } from "@boocontrol/shared/ids"
import type { HostId } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"
import * as z from "zod/mini"
import { columnLines, unnestLines } from "../../platform/column-lines.ts"
import type { ColumnLines } from "../../platform/column-lines.ts"
import type { Sql, TransactionSql } from "../../platform/postgres.ts"
import { CALLER_COLUMNS, isEnriched, learn, spansOfHosts } from "../core.ts"
import type { ActivityBatch, FoundCaller, LooseEnrichment } from "../core.ts"

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
  attribution: "text",
} as const satisfies Record<keyof ActivityRow, string>

/** Columns of a request row as they travel. */
export const ROW_COLUMNS = Object.keys(COLUMN_TYPES) as (keyof ActivityRow)[]
const COLUMN_LIST = ROW_COLUMNS.join(", ")
const CASTS = ROW_COLUMNS.map((column) => `${column}::${COLUMN_TYPES[column]}`).join(", ")
const RETURNED = ROW_COLUMNS.map((column) => `t.${column}`).join(", ")
const RECORD = ROW_COLUMNS.map((column) => `${column} ${COLUMN_TYPES[column]}`).join(", ")

// What `learn` of the core does, for rows that are stored.
const SUREST_LAST = AttributionBasis.options.toReversed().map((basis) => `'${basis}'`)
const sureness = (of: string): string =>
  `coalesce(array_position(array[${SUREST_LAST.join(", ")}], ${of}.attribution), 0)`
const IS_SURER = `${sureness("n")} > ${sureness("t")}`
const LEARNED = [...CALLER_COLUMNS, "attribution"]
  .map(
    (column) =>
      `${column} = case when ${IS_SURER} then n.${column} else coalesce(t.${column}, n.${column}) end`,
  )
  .join(", ")
const FILLS_A_HOLE = CALLER_COLUMNS.map((column) => `(t.${column} is null and n.${column} is not null)`).join(
  " or ",
)
const SAYS_MORE = `(${IS_SURER} or (${sureness("n")} = ${sureness("t")} and (${FILLS_A_HOLE})))`

const ActivityRows = z.array(ActivityRow)

export interface StoredBatch {
  /** Rows that are new or have changed. */
  changed: ActivityRow[]
  /** Messages whose enrichments found no row. */
  notYet: number[]
}

/** Rows as they travel to Postgres. */
export interface RequestLines extends ColumnLines {
  readonly rows: readonly ActivityRow[]
}

/** Written beforehand, so that no transaction waits for it. */
export function requestLines(rows: readonly ActivityRow[]): RequestLines {
  return { rows, ...columnLines(rows, ROW_COLUMNS) }
}

/**
 * Stores a batch in one transaction. Doing it again, in whole or in part, changes nothing and returns no row. `lines`
 * are those of all rows of the batch.
 */
export async function storeRequests(
  sql: Sql,
  batch: ActivityBatch,
  lines: RequestLines,
): Promise<StoredBatch> {
  return await sql.begin(async (tx) => {
    // Two hubs could store one request under two epochs at the same time, neither seeing the other's row. Taken in
    // the order of their names, so that two batches cannot wait for each other.
    const hosts = [...new Set([...batch.rows, ...batch.enrichments].map((row) => row.provider_id))].sort()
    // Sent together; Postgres takes the lock before it looks at the rows.
    const [, doubtful] = await Promise.all([lockHosts(tx, hosts), hostsOfOtherEpochs(tx, batch.rows)])
    const isDoubtful = (row: ActivityRow): boolean => doubtful.has(row.provider_id)
    const added = [
      ...(await insertNew(
        tx,
        doubtful.size === 0 ? lines : requestLines(batch.rows.filter((row) => !isDoubtful(row))),
      )),
      ...(await insertNew(tx, requestLines(await unknownRows(tx, batch.rows.filter(isDoubtful))))),
    ]
    const isAdded = new Set(added)
    // A row that is there, maybe under another epoch, may still lack what this one knows.
    const known = batch.rows.filter((row) => !isAdded.has(row) && isEnriched(row))
    const { changed, notYet } = await fillEnrichments(tx, [
      ...batch.enrichments,
      ...known.map((row) => ({ ...row, envelopes: [] })),
    ])
    return { changed: [...added, ...changed], notYet }
  })
}

/** So that of what several write about a host one waits for the other. */
export async function lockHosts(tx: TransactionSql, hosts: readonly string[]): Promise<void> {
  await tx`
    select pg_advisory_xact_lock(hashtextextended('control_requests ' || host, 0))
    from unnest(${[...hosts]}::text[]) as host`
}

/**
 * Hosts of which requests of these times are stored, or are about to be, under another epoch: only there a row can be
 * one that is known. Asked once per host, and not per row, because hardly ever there is such a host.
 */
async function hostsOfOtherEpochs(
  tx: TransactionSql,
  rows: readonly ActivityRow[],
): Promise<ReadonlySet<HostId>> {
  if (rows.length === 0) return new Set()
  const spans = spansOfHosts(rows)
  const { first, last } = endsOf(spans.flatMap((span) => [span.first, span.last]))
  const asked = spans.filter((span) => !span.mixed).map((span) => ({ ...span }))
  // The bounds on ts let the planner leave out all other partitions; the limit keeps it from reading them as a whole.
  const found = await tx<{ provider_id: HostId }[]>`
    select provider_id
    from json_to_recordset(${tx.json(asked)}::json)
      as h(provider_id text, swap_epoch uuid, first timestamptz, last timestamptz)
    where (
      select true from control_requests s
      where s.provider_id = h.provider_id and s.ts between h.first and h.last and s.ts between ${first} and ${last}
        and s.swap_epoch <> h.swap_epoch
      limit 1)`
  const mixed = spans.filter((span) => span.mixed)
  return new Set([...found, ...mixed].map(({ provider_id }) => provider_id))
}

/** Rows that are not stored under another epoch. */
async function unknownRows(tx: TransactionSql, rows: readonly ActivityRow[]): Promise<ActivityRow[]> {
  if (rows.length === 0) return []
  const { first, last } = endsOf(rows.map((row) => row.ts))
  const found = await tx<{ n: number }[]>`
    select n::integer as n
    from ${unnestLines(tx, requestLines(rows), { clause: "with ordinality", column: "n" })}
    where provider_id is not null and not exists (
      select from control_requests s
      where s.provider_id = r.provider_id and s.ts = r.ts::timestamptz and s.ts between ${first} and ${last}
        and s.swap_entry_id = r.swap_entry_id::bigint and s.swap_epoch <> r.swap_epoch::uuid and s.model = r.model
        and s.duration_ms is not distinct from r.duration_ms::float8
        and s.output_tokens is not distinct from r.output_tokens::bigint)
    order by n`
  return found.flatMap(({ n }) => rows[n - 1] ?? [])
}

/** Resolves to those that were not there. */
async function insertNew(tx: TransactionSql, lines: RequestLines): Promise<readonly ActivityRow[]> {
  const { rows } = lines
  if (rows.length === 0) return []
  const { count } = await tx`
    insert into control_requests (${tx.unsafe(COLUMN_LIST)})
    select ${tx.unsafe(CASTS)} from ${unnestLines(tx, lines)}
    where provider_id is not null
    on conflict (provider_id, swap_epoch, swap_entry_id, ts) do nothing`
  if (count === rows.length) return rows
  if (count === 0) return []
  const { first, last } = endsOf(rows.map((row) => row.ts))
  // Having each row told by the statement itself would cost a twentieth of all, to hear what is true of every one.
  const fresh = await tx<{ id: string }[]>`
    select id from control_requests
    where provider_id = any(${[...new Set(rows.map((row) => row.provider_id))]}::text[])
      and ts between ${first} and ${last} and xmin = pg_current_xact_id()::xid`
  const ids = new Set(fresh.map(({ id }) => id))
  return rows.filter(({ id }) => ids.has(id))
}

function endsOf(times: readonly Instant[]): { first: Instant | null; last: Instant | null } {
  const sorted = [...times].sort()
  return { first: sorted[0] ?? null, last: sorted.at(-1) ?? null }
}

const Found = z.array(z.object({ n: z.int(), id: z.nullable(RequestId) }))

/** Rows of these ids, of which more is known now. Resolves to those that this changed. */
export async function fillCallers(
  tx: TransactionSql,
  callers: readonly (FoundCaller & Pick<ActivityRow, "id" | "ts">)[],
): Promise<ActivityRow[]> {
  const changed = await tx`
    update control_requests t set ${tx.unsafe(LEARNED)}
    from json_to_recordset(${tx.json(callers.map(asJson))}::json) as n(${tx.unsafe(RECORD)})
    where t.id = n.id and t.ts = n.ts and ${tx.unsafe(SAYS_MORE)}
    returning ${tx.unsafe(RETURNED)}`
  return ActivityRows.parse([...changed])
}

async function fillEnrichments(tx: TransactionSql, fills: readonly LooseEnrichment[]): Promise<StoredBatch> {
  if (fills.length === 0) return { changed: [], notYet: [] }
  const found = Found.parse([...(await findRows(tx, fills))])
  const byId = new Map<string, LooseEnrichment & { id: RequestId }>()
  const notYet = new Set<number>()
  for (const { n, id } of found) {
    const fill = fills[n]
    if (!fill) continue
    const known = id === null ? undefined : byId.get(id)
    if (known) learn(known, fill)
    else if (id !== null) byId.set(id, { ...fill, id })
    else for (const envelope of fill.envelopes) notYet.add(envelope)
  }
  const changed = await fillCallers(tx, [...byId.values()])
  return { changed, notYet: [...notYet].sort((a, b) => a - b) }
}

/** The row an enrichment speaks of: of its own epoch, else the same entry that was first stored under another one. */
function findRows(tx: TransactionSql, fills: readonly LooseEnrichment[]): PromiseLike<readonly unknown[]> {
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

function asJson(fill: FoundCaller & Pick<ActivityRow, "id" | "ts">): Record<string, string | null> {
  const { id, ts, source, request_id, client_ip, user_agent, session_id, attribution } = fill
  return { id, ts, source, request_id, client_ip, user_agent, session_id, attribution }
}
