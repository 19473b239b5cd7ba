import * as z from "zod/mini"
import { PageQuery, QueryInstant, inOrder } from "./http.ts"
import { HostId } from "./ids.ts"
import { Instant } from "./time.ts"

const amount = z.int().check(z.nonnegative())
const day = z.string().check(z.regex(/^\d{4}-\d\d-\d\d$/))

/** One part of a partitioned table. `from` and `to` are null for the default one, which holds what fits nowhere else. */
export const StoredPartition = z.object({
  name: z.string(),
  from: z.nullable(Instant),
  to: z.nullable(Instant),
  bytes: amount,
  /** As Postgres estimates it; null where it has not counted yet. */
  rows_estimate: z.nullable(amount),
})
export type StoredPartition = z.infer<typeof StoredPartition>

export const StoredTable = z.object({
  table: z.string(),
  /** Data and indexes. */
  bytes: amount,
  rows_estimate: z.nullable(amount),
  /** How long its rows are kept; null: as long as what they belong to. */
  keep_days: z.nullable(z.int()),
  /** Where its partitions begin and end; null where it has none. */
  from: z.nullable(Instant),
  to: z.nullable(Instant),
  /** Rows without a partition of their own, counted. Null: the table has no partitions. */
  default_rows: z.nullable(amount),
  partitions: z.array(StoredPartition),
})
export type StoredTable = z.infer<typeof StoredTable>

/** One stream on its way into the tables, as the hub that answers counted it since its start. */
export const IngestStream = z.object({
  stream: z.string(),
  received: amount,
  stored: amount,
  redelivered: amount,
  dead_letters: amount,
  /** Left out because their host is disabled. */
  disabled: amount,
  retries: amount,
  waiting_for_postgres: z.boolean(),
  /** From emitted to stored, of the oldest message of the last batch. Null: none yet. */
  lag_ms: z.nullable(z.number()),
})
export type IngestStream = z.infer<typeof IngestStream>

/** Why something stayed that is past its window. */
export const RetentionRefusal = z.object({
  what: z.string(),
  why: z.enum(["dirty", "uncovered", "busy"]),
})
export type RetentionRefusal = z.infer<typeof RetentionRefusal>

export const RetentionDetail = z.object({
  /** Partitions that were dropped. */
  dropped: z._default(z.array(z.string()), []),
  /** Partitions that were made for rows of the default one. */
  made: z._default(z.array(z.string()), []),
  /** Rows that were deleted one host and hour at a time, by table. */
  deleted: z._default(z.record(z.string(), amount), {}),
  evicted_captures: z._default(amount, 0),
  /** Hours of one host each that were packed, by table. */
  packed: z.optional(z.record(z.string(), amount)),
  /** More is to be packed than one run takes: the next one follows within a minute. */
  unfinished: z.optional(z.boolean()),
  refused: z._default(z.array(RetentionRefusal), []),
})
export type RetentionDetail = z.infer<typeof RetentionDetail>

export const RetentionRun = z.object({
  id: z.int(),
  hub_id: z.string(),
  started_at: Instant,
  /** Null: still running, or its hub died. */
  finished_at: z.nullable(Instant),
  detail: RetentionDetail,
  error: z.nullable(z.string()),
})
export type RetentionRun = z.infer<typeof RetentionRun>

/** Aggregates that wait to be computed again. */
export const DirtyBuckets = z.object({
  tier: z.string(),
  waiting: amount,
  oldest: z.nullable(Instant),
})
export type DirtyBuckets = z.infer<typeof DirtyBuckets>

/** Dead letters of one reason. */
export const DeadLetterCount = z.object({
  reason: z.string(),
  /** With what was only counted. */
  total: amount,
  /** Those whose message is still there: they can be tried again. */
  kept: amount,
})
export type DeadLetterCount = z.infer<typeof DeadLetterCount>

/** Reply of `GET /storage`. */
export const StorageReply = z.object({
  at: Instant,
  database_bytes: amount,
  tables: z.array(StoredTable),
  streams: z.array(IngestStream),
  /** Whether NATS answers the hub. Without it nobody knows what waits in the streams. */
  nats: z.boolean(),
  samples: z.object({ stored: amount, nudged: amount }),
  dirty: z.array(DirtyBuckets),
  dead_letters: z.object({
    total: amount,
    newest_at: z.nullable(Instant),
    keep: amount,
    by_reason: z._default(z.array(DeadLetterCount), []),
  }),
  /** Days by what is kept; settings of the hub that answers. */
  windows: z.record(z.string(), z.int()),
  captures: z.object({ bytes: amount, budget_bytes: amount }),
  /** Whether the hub that answers is the one that takes care. */
  in_charge: z.boolean(),
  runs: z.array(RetentionRun),
})
export type StorageReply = z.infer<typeof StorageReply>

/**
 * `future`: it tells of a time more than a day ahead of the hub's clock. `unstorable`: Postgres refused it. `unresolved`:
 * what it needs never came. `aged-out`: nobody read it in time. The others: no event of a host that the hub can read.
 */
export const DEAD_LETTER_REASONS = [
  "subject",
  "too-large",
  "not-json",
  "version",
  "shape",
  "identity",
  "future",
  "unstorable",
  "unresolved",
  "aged-out",
] as const
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number]

/** A message that could not be stored. Its payload stays in the database. */
export const DeadLetterRow = z.object({
  id: z.int(),
  received_at: Instant,
  provider_id: z.nullable(z.string()),
  kind: z.nullable(z.string()),
  subject: z.string(),
  stream: z.string(),
  stream_seq: z.int(),
  reason: z.string(),
  problem: z.string(),
  /** Null where the message itself is gone. */
  bytes: z.nullable(amount),
  /** Messages of this host with this reason that were only counted: it had sent more than a thousand in an hour. */
  more: amount,
})
export type DeadLetterRow = z.infer<typeof DeadLetterRow>

export const DeadLettersQuery = z.strictObject({ provider_id: z.optional(HostId), ...PageQuery.shape })
export type DeadLettersQuery = z.infer<typeof DeadLettersQuery>

/** Body of `POST /dead-letters/retry`: which, and behind which of them to go on. The oldest come first. */
export const DeadLetterRetry = z
  .strictObject({
    reason: z.optional(z.enum(DEAD_LETTER_REASONS)),
    provider_id: z.optional(HostId),
    ids: z.optional(z.array(z.int().check(z.positive())).check(z.minLength(1), z.maxLength(1000))),
    after: z.optional(z.int().check(z.nonnegative())),
    limit: z._default(z.int().check(z.gte(1), z.lte(1000)), 500),
  })
  .check(
    z.refine(({ reason, provider_id: host, ids }) => (reason ?? host ?? ids) !== undefined, {
      error: "Say which: give reason, provider_id or ids",
    }),
  )
export type DeadLetterRetry = z.infer<typeof DeadLetterRetry>

/** Its reply: what became of one batch. */
export const DeadLetterRetried = z.object({
  retried: amount,
  /** No dead letters any more. */
  stored: amount,
  /** Tried and not stored, by the reason that they have now. */
  still_dead: z.array(z.object({ reason: z.string(), count: amount })),
  /** Not tried, and left as they were: of nothing or not all is kept, or the host is disabled. */
  skipped: z.object({ not_kept: amount, host_disabled: amount }),
  /** `after` of the next batch; null: that was all. */
  next: z.nullable(z.int()),
})
export type DeadLetterRetried = z.infer<typeof DeadLetterRetried>

/** How much of one UTC day of a host is stored. */
export const CompletenessRow = z.object({
  provider_id: z.string(),
  day,
  /** Null: the host was not known yet. */
  expected_s: z.nullable(amount),
  present_s: amount,
  /** Rounded down: 100 means all. Null where nothing was expected. */
  percent: z.nullable(z.number()),
  /** Samples that were fetched later than they happened. */
  backfilled: amount,
  /** Times whose requests may be incomplete. */
  gaps: amount,
  /** Seconds of them; null where the beginning of one is not known. */
  gap_s: z.nullable(amount),
  computed_at: Instant,
})
export type CompletenessRow = z.infer<typeof CompletenessRow>

export const CompletenessQuery = z
  .strictObject({
    provider_id: z.optional(HostId),
    from: z.optional(QueryInstant),
    to: z.optional(QueryInstant),
    ...PageQuery.shape,
  })
  .check(inOrder())
export type CompletenessQuery = z.infer<typeof CompletenessQuery>

/** Reply of `GET /completeness/today`: all hosts together, since midnight UTC. */
export const CompletenessToday = z.object({
  day,
  hosts: amount,
  percent: z.nullable(z.number()),
  gaps: amount,
  at: Instant,
})
export type CompletenessToday = z.infer<typeof CompletenessToday>
