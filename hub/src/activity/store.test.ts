import fc from "fast-check"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import type {
  AttributionBasis,
  CommittedActivity,
  ObservedRequest,
  RequestEnrichment,
} from "@boocontrol/shared/activity"
import type { Envelope } from "@boocontrol/shared/envelope"
import { HostId } from "@boocontrol/shared/ids"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { systemClock } from "../platform/clock.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { createActivity } from "./index.ts"
import type { Activity } from "./index.ts"
import { FIRST_EPOCH, SECOND_EPOCH, activityMessage, enrichmentOf, observed } from "./samples-for-tests.ts"

let sql: Sql
let activity: Activity
/** Others than `activity`, which stores one batch after the other. */
let hubs: Activity[]
let announced: CommittedActivity[] = []

beforeAll(async () => {
  const { url } = await testDatabase("activity_store")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  const hub = (): Activity =>
    createActivity({
      ...{ sql, clock: systemClock, log: silentLog },
      partitions: { ensure: () => Promise.resolve() },
      nc: {
        publish: (_subject, payload) => announced.push(JSON.parse(String(payload)) as CommittedActivity),
      },
    })
  activity = hub()
  hubs = [hub(), hub(), hub(), hub(), hub(), hub()]
})
afterAll(() => sql.end())
beforeEach(async () => {
  await sql`truncate control_requests`
  announced = []
})

function store(...envelopes: Envelope<"activity">[]) {
  return activity.storeBatch(envelopes, { redelivered: false })
}

function storeAtOnce(...envelopes: Envelope<"activity">[]) {
  return Promise.all(
    envelopes.map(async (envelope, n) =>
      hubs[n % hubs.length]?.storeBatch([envelope], { redelivered: false }),
    ),
  )
}

async function stored(): Promise<Record<string, unknown>[]> {
  return [...(await sql`select * from control_requests order by ts, id`)]
}

function announcedRows() {
  return announced.flatMap((one) => one.rows)
}

it("stores a row with all its figures and announces it with its id", async () => {
  const row = observed({ swap_entry_id: 3, source: "boochat", error: "tail\u00e9" })
  await store(activityMessage([row]))
  const [kept] = await stored()
  expect(kept).toMatchObject({ ...row, provider_id: "gpu-1", capture: null })
  expect(announced).toEqual([
    {
      provider_id: "gpu-1",
      event_at: "2026-11-22T08:00:00.000Z",
      rows: [{ ...row, id: kept?.["id"], provider_id: "gpu-1" }],
    },
  ])
})

it("keeps unknown figures null", async () => {
  const nothing = {
    duration_ms: null,
    status_code: null,
    cache_tokens: null,
    input_tokens: null,
    gen_tps: null,
  }
  await store(activityMessage([observed({ swap_entry_id: 1, ...nothing })]))
  expect((await stored())[0]).toMatchObject(nothing)
})

it("adds nothing and announces nothing for messages that come again, in any order and grouping", async () => {
  const rows = [0, 1, 2, 3, 4, 5].map((entry) => observed({ swap_entry_id: entry }))
  // A message with one row, one with several, one that overlaps with both, and one of another host.
  const messages = [
    activityMessage(rows.slice(0, 1)),
    activityMessage(rows.slice(1, 4)),
    activityMessage(rows.slice(3)),
    activityMessage(rows.slice(0, 3), [], "gpu-2"),
    activityMessage([], [enrichmentOf(rows[2] ?? observed({ swap_entry_id: 2 }), { source: "boochat" })]),
  ]
  await store(...messages)
  const before = await stored()
  expect(before).toHaveLength(9)
  announced = []
  const replay = fc.array(fc.array(fc.constantFrom(...messages), { minLength: 1, maxLength: 6 }), {
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(replay, async (batches) => {
      for (const batch of batches) await store(...batch)
      expect(await stored()).toEqual(before)
      expect(announced).toEqual([])
    }),
    { numRuns: 25 },
  )
})

it("ends with the same rows whatever the order of messages, the same row fetched under two epochs included", async () => {
  const rows = [0, 1, 2].map((entry) =>
    observed({ swap_entry_id: entry, output_tokens: entry === 1 ? null : 5 }),
  )
  const again = rows.map((row) => ({ ...row, swap_epoch: SECOND_EPOCH }))
  const messages = [...rows, ...again].map((row) => activityMessage([row]))
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(messages, { minLength: messages.length }), async (order) => {
      await sql`truncate control_requests`
      await storeAtOnce(...order)
      expect((await stored()).map((row) => row["swap_entry_id"])).toEqual([0, 1, 2])
    }),
    { numRuns: 15 },
  )
})

it("fills what was unknown once, leaves what identifies and measures, and announces it under the same id", async () => {
  const row = observed({ swap_entry_id: 1 })
  await store(activityMessage([row]))
  const [first] = announcedRows()
  announced = []
  await store(activityMessage([], [enrichmentOf(row, { source: "boochat", session_id: "s-1" })]))
  expect(announcedRows()).toEqual([{ ...first, source: "boochat", session_id: "s-1" }])
  announced = []
  await store(activityMessage([], [enrichmentOf(row, { source: "arena", client_ip: "10.0.0.9" })]))
  expect(announcedRows()).toEqual([{ ...first, source: "boochat", session_id: "s-1", client_ip: "10.0.0.9" }])
  announced = []
  await store(activityMessage([{ ...row, model: "another", duration_ms: 1, source: "late" }]))
  expect(announced).toEqual([])
  expect((await stored())[0]).toMatchObject({
    ...row,
    source: "boochat",
    session_id: "s-1",
    client_ip: "10.0.0.9",
  })
})

it("ends with what the surest finding says, in whatever order and however often messages come", async () => {
  const host = HostId.parse("gpu-1")
  const row = observed({ swap_entry_id: 1 })
  const others = [observed({ swap_entry_id: 2 }), observed({ swap_entry_id: 3 })]
  const found = (attribution: AttributionBasis, more: Partial<RequestEnrichment> = {}) =>
    activityMessage([], [enrichmentOf(row, { source: attribution, ...more, attribution })])
  const findings = [
    found("alike", { user_agent: "curl/8", session_id: "s-1" }),
    found("closest", { client_ip: "10.0.0.9", request_id: "r-1" }),
    found("only", { request_id: "r-2" }),
    found("exact", { user_agent: "OpenAI" }),
  ]
  const old = activityMessage([{ ...row, swap_epoch: SECOND_EPOCH, source: "old", user_agent: "x" }])
  const messages = fc
    .tuple(fc.subarray(findings, { minLength: 1 }), fc.boolean())
    .chain(([some, withOld]) => {
      const all = [activityMessage([row]), activityMessage(others), ...(withOld ? [old] : []), ...some]
      const once = fc.shuffledSubarray(all, { minLength: all.length })
      return fc.tuple(fc.constant(some), once, fc.array(fc.constantFrom(...all), { maxLength: 2 }))
    })
  await fc.assert(
    fc.asyncProperty(messages, fc.integer({ min: 2, max: 5 }), async ([some, once, again], size) => {
      await sql`truncate control_requests`
      let left = [...once, ...again]
      // What finds no row comes again, as the server has it.
      for (let turn = 0; left.length > 0 && turn < 99; turn++) {
        const batch = left.slice(0, size)
        const { notYet } = await store(...batch)
        left = [...left.slice(size), ...notYet.flatMap((index) => batch[index] ?? [])]
      }
      const surest = some.at(-1)?.data.enrichments?.[0]
      expect((await stored())[0]).toMatchObject({
        ...surest,
        swap_epoch: expect.anything(),
        provider_id: host,
      })
      expect(left).toEqual([])
    }),
    { numRuns: 15 },
  )
})

it("leaves what is as sure as it was found first, and what is surer even where it knows less", async () => {
  const row = observed({ swap_entry_id: 1 })
  const exact = { source: "boochat", attribution: "exact" as const }
  await store(activityMessage([{ ...row, ...exact }]))
  await store(
    activityMessage([], [enrichmentOf(row, { ...exact, source: "arena", session_id: "s-1" })]),
    activityMessage([], [enrichmentOf(row, { client_ip: "10.0.0.9", attribution: "closest" })]),
    activityMessage([{ ...row, user_agent: "of an old sidecar" }]),
  )
  const wanted = {
    source: "boochat",
    session_id: "s-1",
    client_ip: null,
    user_agent: null,
    attribution: "exact",
  }
  expect((await stored())[0]).toMatchObject(wanted)
})

it("asks for all messages again whose enrichments are for the same row that is not there", async () => {
  const row = observed({ swap_entry_id: 1 })
  const found = (attribution: AttributionBasis) => activityMessage([], [enrichmentOf(row, { attribution })])
  expect((await store(found("alike"), found("exact"))).notYet).toEqual([0, 1])
})

it("says which enrichments have to come again because their row is not there", async () => {
  const known = observed({ swap_entry_id: 1 })
  const unknown = observed({ swap_entry_id: 2 })
  const result = await store(
    activityMessage([known]),
    activityMessage([], [enrichmentOf(known, { source: "boochat" })]),
    activityMessage([], [enrichmentOf(unknown, { source: "arena" })]),
  )
  expect(result.notYet).toEqual([2])
  expect(await stored()).toHaveLength(1)
  await store(activityMessage([unknown]))
  expect((await store(activityMessage([], [enrichmentOf(unknown, { source: "arena" })]))).notYet).toEqual([])
})

it("announces again what is delivered again: the hub may have died before it could", async () => {
  const message = activityMessage([observed({ swap_entry_id: 1 })])
  await store(message)
  const [first] = announcedRows()
  announced = []
  await activity.storeBatch([message], { redelivered: true })
  expect(announcedRows()).toEqual([first])
})

const RING = [10, 11, 12].map((entry) =>
  observed({ swap_entry_id: entry, output_tokens: entry === 11 ? null : 9 }),
)

it("adds nothing when a sidecar with an empty data folder fetches the whole ring again under a new epoch", async () => {
  await store(activityMessage(RING))
  announced = []
  await store(activityMessage(RING.map((row) => ({ ...row, swap_epoch: SECOND_EPOCH }))))
  expect((await stored()).map((row) => row["swap_epoch"])).toEqual(RING.map(() => FIRST_EPOCH))
  expect(announced).toEqual([])
})

it("learns from a row that is fetched again under a new epoch what it did not know", async () => {
  await store(activityMessage(RING))
  await store(activityMessage(RING.map((row) => ({ ...row, swap_epoch: SECOND_EPOCH, source: "boochat" }))))
  expect((await stored()).map((row) => row["source"])).toEqual(["boochat", "boochat", "boochat"])
  const [first] = RING
  const late = enrichmentOf(
    { ...(first ?? observed({ swap_entry_id: 0 })), swap_epoch: SECOND_EPOCH },
    { session_id: "s" },
  )
  expect((await store(activityMessage([], [late]))).notYet).toEqual([])
  expect((await stored())[0]).toMatchObject({ swap_epoch: FIRST_EPOCH, session_id: "s" })
})

const DIFFERENCES: Partial<ObservedRequest>[] = [
  { model: "another" },
  { duration_ms: 1 },
  { duration_ms: null },
  { output_tokens: 1 },
  { output_tokens: null },
  { swap_entry_id: 99 },
]
it.each(DIFFERENCES)("keeps a row of a new store that differs in %j: ids began anew", async (difference) => {
  const row = observed({ swap_entry_id: 10 })
  await store(activityMessage([row]))
  await store(activityMessage([{ ...row, ...difference, ts: row.ts, swap_epoch: SECOND_EPOCH }]))
  expect(await stored()).toHaveLength(2)
})

it("keeps ids that begin at 0 again without a persistent store, at other times", async () => {
  await store(activityMessage([0, 1, 2].map((entry) => observed({ swap_entry_id: entry }))))
  const later = [0, 1].map((entry) => {
    const { ts } = observed({ swap_entry_id: entry + 60 })
    return observed({ swap_entry_id: entry, ts, swap_epoch: SECOND_EPOCH })
  })
  await store(activityMessage(later))
  expect(await stored()).toHaveLength(5)
  expect(await activity.newestRow(HostId.parse("gpu-1"))).toMatchObject({
    swap_epoch: SECOND_EPOCH,
    swap_entry_id: 1,
  })
})

it("knows no newest row of a host that never had one", async () => {
  expect(await activity.newestRow(HostId.parse("gpu-9"))).toBeNull()
})

it("lets two hubs store the same ring under two epochs at the same time, once", async () => {
  const other = RING.map((row) => ({ ...row, swap_epoch: SECOND_EPOCH }))
  for (let round = 0; round < 10; round++) {
    await sql`truncate control_requests`
    await storeAtOnce(activityMessage(RING), activityMessage(other), activityMessage(RING))
    expect(await stored()).toHaveLength(3)
  }
})

it("adds of a batch only what is new, whichever of its rows are there already, under whichever epoch", async () => {
  const entries = Array.from({ length: 8 }, (_, entry) => entry)
  const epoch = fc.constantFrom(FIRST_EPOCH, SECOND_EPOCH)
  const choice = fc.record({
    before: fc.option(epoch, { nil: null }),
    now: epoch,
    host: fc.constantFrom("gpu-1", "gpu-2"),
  })
  await fc.assert(
    fc.asyncProperty(fc.tuple(...entries.map(() => choice)), async (choices) => {
      await sql`truncate control_requests`
      const rowOf = (entry: number, swap_epoch: typeof FIRST_EPOCH) =>
        observed({ swap_entry_id: entry, swap_epoch })
      const first = choices.flatMap(({ before, host }, entry) =>
        before === null ? [] : [activityMessage([rowOf(entry, before)], [], host)],
      )
      await store(...first)
      announced = []
      await store(...choices.map(({ now, host }, entry) => activityMessage([rowOf(entry, now)], [], host)))
      const news = choices.flatMap(({ before }, entry) => (before === null ? [entry] : []))
      expect(
        announcedRows()
          .map((row) => row.swap_entry_id)
          .sort(),
      ).toEqual(news)
      expect((await stored()).map((row) => row["swap_entry_id"]).sort()).toEqual(entries)
      expect((await stored()).map((row) => row["swap_epoch"])).toEqual(
        choices.map(({ before, now }) => before ?? now),
      )
    }),
    { numRuns: 40 },
  )
})

it("stores and tells in the order it was given, however many batches wait", async () => {
  const rows = Array.from({ length: 12 }, (_, entry) => observed({ swap_entry_id: entry }))
  await Promise.all(rows.map((row) => store(activityMessage([row]))))
  expect(announcedRows().map((row) => row.swap_entry_id)).toEqual(rows.map((row) => row.swap_entry_id))
})

it("goes on with the next batch when one cannot be stored", async () => {
  const bad = activityMessage([observed({ swap_entry_id: 1, model: "nul\0" })])
  const [refused, kept] = await Promise.allSettled([
    store(bad),
    store(activityMessage([observed({ swap_entry_id: 2 })])),
  ])
  expect([refused.status, kept.status]).toEqual(["rejected", "fulfilled"])
  expect(announcedRows().map((row) => row.swap_entry_id)).toEqual([2])
})

it("announces a large batch in messages that fit", async () => {
  const agent = "x".repeat(4_000)
  await store(
    activityMessage(Array.from({ length: 200 }, (_, n) => observed({ swap_entry_id: n, user_agent: agent }))),
  )
  expect(announced.length).toBeGreaterThan(1)
  expect(Math.max(...announced.map((one) => JSON.stringify(one).length))).toBeLessThan(512 * 1024)
  expect(announcedRows().map((row) => row.swap_entry_id)).toEqual(Array.from({ length: 200 }, (_, n) => n))
})

it("gives out what ran within a range, tokens that are unknown as null, and leaves out what has no duration", async () => {
  await store(
    activityMessage([
      observed({ swap_entry_id: 1 }),
      observed({ swap_entry_id: 2, prompt_tokens: null, output_tokens: null }),
      observed({ swap_entry_id: 3, duration_ms: null }),
      observed({ swap_entry_id: 60 }),
    ]),
  )
  const startMs = Date.parse(observed({ swap_entry_id: 0 }).ts)
  const ran = await activity.ran(HostId.parse("gpu-1"), { fromMs: startMs, toMs: startMs + 30_000 })
  const one = { model: "qwen3-8b-q4_k_m", durationMs: 812.5 }
  expect(ran.toSorted((a, b) => a.endMs - b.endMs)).toEqual([
    { ...one, endMs: startMs + 1_000, promptTokens: 120, outputTokens: 64 },
    { ...one, endMs: startMs + 2_000, promptTokens: null, outputTokens: null },
  ])
})
