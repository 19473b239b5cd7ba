import { SwapEpoch } from "@boocontrol/shared/ids"
import type { AttributionBasis, ObservedRequest, RequestEnrichment } from "@boocontrol/shared/activity"
import { instantOf } from "@boocontrol/shared/time"
import { expect, it } from "vitest"
import { manualClock } from "../platform/clock-manual.ts"
import { createCaptureCallers } from "./capture-callers.ts"
import { UNKNOWN_CALLER } from "./ports.ts"
import type { Caller } from "./ports.ts"

const EPOCH = SwapEpoch.parse("00000000-0000-4000-8000-000000000001")

function row(id: number, changes: Partial<ObservedRequest> = {}): ObservedRequest {
  return {
    ...{ swap_epoch: EPOCH, swap_entry_id: id, ts: instantOf(id * 1_000), model: "bge-m3", req_path: null },
    ...{ status_code: 200, duration_ms: 30, cache_tokens: null, input_tokens: null, prompt_tokens: null },
    ...{
      uncached_tokens: null,
      token_basis: "unknown",
      output_tokens: null,
      prompt_tps: null,
      gen_tps: null,
    },
    ...{ draft_tokens: null, draft_accepted: null, error: null, has_capture: true },
    ...UNKNOWN_CALLER,
    attribution: null,
    ...changes,
  }
}

function callers(answer: (entryId: number) => Promise<Caller | null>) {
  const clock = manualClock()
  const told: RequestEnrichment[] = []
  const read: number[] = []
  const made = createCaptureCallers({
    callerOf(entryId) {
      read.push(entryId)
      return answer(entryId)
    },
    tell: (enrichment) => told.push(enrichment),
    clock,
  })
  return { clock, told, read, made }
}

function foundFor(id: number, attribution: AttributionBasis): RequestEnrichment {
  return { swap_epoch: EPOCH, swap_entry_id: id, ts: instantOf(id * 1_000), ...indexer, attribution }
}

const indexer: Caller = { ...UNKNOWN_CALLER, source: "indexer", user_agent: "curl/8" }

it("asks for the callers of rows that nobody is known of, one after the other", async () => {
  const { clock, told, read, made } = callers(() => Promise.resolve(indexer))
  made.ask([
    row(1),
    row(2, { has_capture: false }),
    row(3, { user_agent: "known", attribution: "only" }),
    row(4),
  ])
  await clock.advance(1_999)
  expect(read).toEqual([])
  await clock.advance(1)
  expect(read).toEqual([1])
  expect(told).toEqual([
    { swap_epoch: EPOCH, swap_entry_id: 1, ts: instantOf(1_000), ...indexer, attribution: "exact" },
  ])
  await clock.advance(500)
  expect(read).toEqual([1, 4])
})

it("does not ask for what became known meanwhile", async () => {
  const { clock, read, made } = callers(() => Promise.resolve(indexer))
  made.ask([row(1), row(2)])
  made.known([foundFor(1, "only")])
  await clock.advance(5_000)
  expect(read).toEqual([2])
})

it("asks of what several in flight fitted, after those that nobody is known of", async () => {
  const { clock, read, told, made } = callers(() => Promise.resolve(indexer))
  made.ask([
    row(1, { ...indexer, attribution: "closest" }),
    row(2),
    row(3, { ...indexer, attribution: "only" }),
  ])
  made.ask([row(4), row(5, { ...indexer, attribution: "alike" })])
  made.known([foundFor(4, "alike")])
  await clock.advance(5_000)
  expect(read).toEqual([2, 1, 4, 5])
  expect(told.map(({ attribution }) => attribution)).toEqual(["exact", "exact", "exact", "exact"])
})

const SEEN = { ...indexer, client_ip: "10.0.0.9" }
it.each<[string, Partial<ObservedRequest>, Partial<Caller>, string | null]>([
  ["all that fitted have it, and are of that source", { ...SEEN, attribution: "alike" }, {}, "10.0.0.9"],
  ["all that fitted are of another source", { ...SEEN, attribution: "alike" }, { source: "arena" }, null],
  ["the closest was another request, maybe", { ...SEEN, attribution: "closest" }, {}, null],
  [
    "the closest was this request, by its id",
    { ...SEEN, request_id: "r-1", attribution: "closest" },
    { request_id: "r-1" },
    "10.0.0.9",
  ],
  [
    "the closest was another request, by its id",
    { ...SEEN, request_id: "r-2", attribution: "closest" },
    { request_id: "r-1" },
    null,
  ],
])("takes the address from the list in flight, or not: %s", async (_, known, captured, address) => {
  const { clock, told, made } = callers(() => Promise.resolve({ ...indexer, ...captured }))
  made.ask([row(1, known)])
  await clock.advance(2_000)
  expect(told).toMatchObject([{ ...indexer, ...captured, client_ip: address, attribution: "exact" }])
})

it("lets what is only doubtful make room for what nobody is known of", async () => {
  const { clock, read, made } = callers(() => Promise.resolve(null))
  made.ask([row(1), row(2, { ...indexer, attribution: "alike" })])
  made.ask(Array.from({ length: 299 }, (_, index) => row(index + 3)))
  await clock.advance(2_000)
  expect(read).toEqual([1])
  await clock.advance(300 * 500)
  expect(read).toHaveLength(300)
  expect(read).not.toContain(2)
})

it("leaves a row as it is whose capture is gone, cannot be read or names nobody, and goes on", async () => {
  const answers = [Promise.resolve(null), Promise.resolve(UNKNOWN_CALLER), Promise.resolve(indexer)]
  const { clock, told, made } = callers((id) => answers[id - 2] ?? Promise.reject(new Error("reset")))
  made.ask([row(1), row(2), row(3), row(4)])
  await clock.advance(5_000)
  expect(told.map(({ swap_entry_id }) => swap_entry_id)).toEqual([4])
})

it("believes no answer of a store that may have been replaced, neither waiting nor under way", async () => {
  const answers = Promise.withResolvers<Caller | null>()
  const { clock, told, read, made } = callers(() => answers.promise)
  made.ask([row(1), row(2)])
  await clock.advance(2_000)
  expect(read).toEqual([1])
  made.forget()
  answers.resolve(indexer)
  await clock.advance(5_000)
  expect(told).toEqual([])
  expect(read).toEqual([1])
  made.ask([row(3)])
  await clock.advance(5_000)
  expect(told.map(({ swap_entry_id }) => swap_entry_id)).toEqual([3])
})

it("forgets the oldest where more wait than the engine keeps captures of, and everything when it stops", async () => {
  const { clock, read, made } = callers(() => Promise.resolve(null))
  made.ask(Array.from({ length: 301 }, (_, index) => row(index + 1)))
  await clock.advance(2_000)
  expect(read).toEqual([2])
  made.stop()
  await clock.advance(60_000)
  expect(read).toEqual([2])
})
