import fc from "fast-check"
import { expect, it } from "vitest"
import type { ActivityRow } from "@boocontrol/shared/activity"
import { HostId } from "@boocontrol/shared/ids"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { SentRequest } from "../ports.ts"
import { requestIdOf } from "../request-id.ts"
import { FIRST_EPOCH, observed } from "../samples-for-tests.ts"
import { nameCallers, timesOf } from "./core.ts"
import type { PairableRow } from "./core.ts"

const HOST = HostId.parse("gpu-1")
const NOON = Date.UTC(2026, 10, 22, 12)
const OF = { fromMs: NOON, toMs: NOON + 20_000 }

/** A row whose request ended then, cut to the second as an engine does it. */
function row(entry: number, endMs: number, durationMs: number | null, given: Partial<ActivityRow> = {}) {
  const ts = instantOf(Math.floor((NOON + endMs) / 1000) * 1000)
  const own = observed({ swap_entry_id: entry, ts, model: "qwen", duration_ms: durationMs })
  const identity = { provider_id: HOST, swap_epoch: FIRST_EPOCH, swap_entry_id: entry, ts }
  return { ...own, attribution: null, id: requestIdOf(identity), ...given } satisfies PairableRow
}

function sent(id: string, endMs: number, durationMs: number, given: Partial<SentRequest> = {}): SentRequest {
  return {
    ...{ request_id: id, source: "boochat", model: "qwen", path: "/v1/chat/completions", status: 200 },
    ...{ endedAtMs: NOON + endMs, durationMs, client_ip: "10.0.0.9", user_agent: "curl/8", session_id: null },
    ...given,
  }
}

const known = (attribution: ActivityRow["attribution"], more: Partial<ActivityRow> = {}) => ({
  ...{ source: "boochat", attribution, ...more },
})

type Expected = readonly ("gateway" | "alike" | null)[]
const A = sent("a", 5_900, 1_900)
const ARENA: Partial<SentRequest> = { source: "arena" }

it.each<[string, PairableRow[], SentRequest[], Expected]>([
  ["one row, one request", [row(1, 5_900, 1_900)], [A], ["gateway"]],
  ["the row a little shorter, without the way to the host", [row(1, 5_800, 1_500)], [A], ["gateway"]],
  ["nothing was sent", [row(1, 5_900, 1_900)], [], [null]],
  ["another model", [row(1, 5_900, 1_900, { model: "other" })], [A], [null]],
  ["another path", [row(1, 5_900, 1_900, { req_path: "/v1/embeddings" })], [A], [null]],
  [
    "a path that the engine writes without its own prefix",
    [row(1, 5_900, 1_900, { req_path: "/chat/completions" })],
    [sent("a", 5_900, 1_900, { path: "/v/chat/completions" })],
    ["gateway"],
  ],
  ["another status", [row(1, 5_900, 1_900, { status_code: 500 })], [A], [null]],
  ["a status that nobody knows", [row(1, 5_900, 1_900, { status_code: null })], [A], ["gateway"]],
  ["another length", [row(1, 5_900, 1_100)], [A], [null]],
  ["an unknown length", [row(1, 5_900, null)], [A], [null]],
  ["another time", [row(1, 9_900, 1_900)], [A], [null]],
  [
    "one whose client left, which the host noticed later",
    [row(1, 9_900, 5_900)],
    [sent("a", 5_900, 1_900, { status: null })],
    ["gateway"],
  ],
  [
    "one whose client left, and a row that was over before",
    [row(1, 5_200, 1_200)],
    [sent("a", 5_900, 1_900, { status: null })],
    [null],
  ],
  [
    "a row outside of the times that were asked for",
    [row(1, 25_900, 1_900)],
    [sent("a", 25_900, 1_900)],
    [null],
  ],
  ["two sources that fit", [row(1, 5_900, 1_900)], [A, sent("b", 5_950, 1_900, ARENA)], [null]],
  [
    "two rows of one request: one of them came another way",
    [row(1, 5_900, 1_900), row(2, 5_900, 1_800)],
    [A],
    [null, null],
  ],
  [
    "two of one source",
    [row(1, 5_900, 1_900), row(2, 5_950, 1_900)],
    [A, sent("b", 5_950, 1_900)],
    ["alike", "alike"],
  ],
  [
    "two of two sources",
    [row(1, 5_900, 1_900), row(2, 5_950, 1_900)],
    [A, sent("b", 5_950, 1_900, ARENA)],
    [null, null],
  ],
  [
    "two that took different times",
    [row(1, 5_900, 1_900), row(2, 5_950, 900)],
    [A, sent("b", 5_950, 900, ARENA)],
    ["gateway", "gateway"],
  ],
  [
    "three rows of two requests",
    [1, 2, 3].map((n) => row(n, 5_900, 1_900)),
    [A, sent("b", 5_950, 1_900)],
    [null, null, null],
  ],
  [
    "two requests of one source, whose other row is not there",
    [row(1, 5_900, 1_900)],
    [A, sent("b", 5_950, 1_900)],
    ["alike"],
  ],
  [
    "one that is known surely takes its request away",
    [row(1, 5_900, 1_900), row(2, 5_900, 1_900, known("only", { request_id: "a" }))],
    [A, sent("b", 5_950, 1_900, ARENA)],
    ["gateway", null],
  ],
  [
    "one that is likely does not",
    [row(1, 5_900, 1_900), row(2, 5_900, 1_900, known("closest", { request_id: "a" }))],
    [A, sent("b", 5_950, 1_900, ARENA)],
    [null, null],
  ],
  [
    "one that is known surely and came another way",
    [row(1, 5_900, 1_900), row(2, 5_900, 1_900, known("exact"))],
    [A],
    ["gateway", null],
  ],
  [
    "one of which an old sidecar knew something, without an id",
    [row(1, 5_900, 1_900, known(null))],
    [A],
    [null],
  ],
  ["one that is known by its source alone", [row(1, 5_900, 1_900, known("alike"))], [A], ["gateway"]],
  [
    "one that is known by another source",
    [row(1, 5_900, 1_900, known("alike"))],
    [sent("b", 5_900, 1_900, ARENA)],
    [null],
  ],
  [
    "one that is known by its source, and stays so",
    [row(1, 5_900, 1_900, known("alike")), row(2, 5_900, 1_900)],
    [A, sent("b", 5_900, 1_900)],
    [null, "alike"],
  ],
  [
    "of one source, but more of them may lie beyond what was given",
    Array.from({ length: 30 }, (_, n) => row(n, n * 1_000, 1_900)),
    Array.from({ length: 30 }, (_, n) => sent(`s${n}`, n * 1_000 + 500, 1_900)),
    Array.from({ length: 30 }, (_, n) => (n < 20 ? "alike" : null)),
  ],
  [
    "of one source, from beyond what was given to beyond it",
    Array.from({ length: 60 }, (_, n) => row(n, (n - 20) * 1_000, 1_900)),
    Array.from({ length: 60 }, (_, n) => sent(`s${n}`, (n - 20) * 1_000 + 500, 1_900)),
    Array.from({ length: 60 }, () => null),
  ],
  [
    "of one source, but so many at once that nobody looks",
    Array.from({ length: 250 }, (_, n) => row(n, 5_900, 1_900)),
    Array.from({ length: 250 }, (_, n) => sent(`s${n}`, 5_900, 1_900)),
    Array.from({ length: 250 }, () => null),
  ],
  [
    "of one source, beside a crowd that asked for something else",
    [
      row(1_000, 5_900, 1_900, { model: "other" }),
      ...Array.from({ length: 250 }, (_, n) => row(n, 5_900, 1_900)),
    ],
    [
      sent("a", 5_900, 1_900, { model: "other" }),
      ...Array.from({ length: 250 }, (_, n) => sent(`s${n}`, 5_900, 1_900)),
    ],
    ["gateway", ...Array.from({ length: 250 }, () => null)],
  ],
])("%s", (_, rows, requests, expected) => {
  const named = nameCallers(rows, requests, { of: OF, aheadMs: 0 })
  expect(rows.map(({ id }) => named.get(id)?.attribution ?? null)).toEqual(expected)
})

it("gives all that the gateway knows of one request, and of several what they have in common", () => {
  const rows = [row(1, 5_900, 1_900), row(2, 9_900, 900), row(3, 9_900, 900)]
  const more = { session_id: "s-1", client_ip: "10.0.0.8" }
  const named = nameCallers(rows, [A, sent("b", 9_900, 900, more), sent("c", 9_950, 900)], {
    of: OF,
    aheadMs: 0,
  })
  const caller = { source: "boochat", client_ip: "10.0.0.9", user_agent: "curl/8", session_id: null }
  expect([...named.values()]).toEqual([
    { ...caller, request_id: "a", attribution: "gateway" },
    ...Array.from({ length: 2 }, () => ({
      ...caller,
      client_ip: null,
      request_id: null,
      attribution: "alike",
    })),
  ])
})

it.each([3_600_000, -3_600_000])("reckons with a clock that is %i ms ahead", (aheadMs) => {
  const [own] = [row(1, 5_900 + aheadMs, 1_900)]
  const mark = { span: own.ts, provider_id: HOST, of_rows: true }
  const of = timesOf(mark, aheadMs)
  expect(nameCallers([own], [A], { of, aheadMs }).get(own.id)?.request_id).toBe("a")
  expect(nameCallers([own], [A], { of, aheadMs: 0 }).size).toBe(0)
})

it("finds the row of a request that was marked, wherever in its span it ended", () => {
  const marked = { span: instantOf(NOON), provider_id: HOST, of_rows: false }
  const of = timesOf(marked, 0)
  for (const endMs of [0, 19_999]) {
    const own = row(1, endMs, 1_900)
    expect(nameCallers([own], [sent("a", endMs, 1_900)], { of, aheadMs: 0 }).size).toBe(1)
  }
  expect(epochMsOf(marked.span)).toBeGreaterThan(of.fromMs)
})

it("never names another source than the one that asked, whoever else asked for the same at the same time", () => {
  const request = fc.record({
    endMs: fc.integer({ min: -5_000, max: 25_000 }),
    lengthMs: fc.integer({ min: 5, max: 1_500 }),
    // Null: not by a gateway.
    source: fc.constantFrom("boochat", "arena", null),
    wayMs: fc.integer({ min: 0, max: 300 }),
    found: fc.constantFrom(null, null, "only" as const, "closest" as const),
    isCut: fc.boolean(),
    noticedMs: fc.integer({ min: 0, max: 5_000 }),
  })
  const world = fc.tuple(
    fc.array(request, { minLength: 1, maxLength: 25 }),
    fc.integer({ min: -1_000, max: 1_000 }),
  )
  let names = 0
  fc.assert(
    fc.property(world, ([requests, clockMs]) => {
      const truth = requests.map((one, n) => {
        const id = `r-${n}`
        const isSent = one.source !== null
        const lateMs = one.isCut && isSent ? one.noticedMs : 0
        const found = { source: one.source, request_id: isSent ? id : null, attribution: one.found }
        return {
          source: one.source,
          sent: isSent
            ? [
                sent(id, one.endMs, one.lengthMs + one.wayMs, {
                  source: one.source,
                  status: one.isCut ? null : 200,
                }),
              ]
            : [],
          row: row(n, one.endMs + lateMs + clockMs, one.lengthMs + lateMs, one.found === null ? {} : found),
        }
      })
      const named = nameCallers(
        truth.map((one) => one.row),
        truth.flatMap((one) => one.sent),
        { of: { fromMs: NOON - 5_000, toMs: NOON + 25_000 }, aheadMs: 0 },
      )
      names += named.size
      for (const { source, row: own } of truth) {
        const caller = named.get(own.id)
        expect(caller?.source ?? source).toBe(source)
        expect(caller?.attribution !== "gateway" || caller.request_id === `r-${own.swap_entry_id}`).toBe(true)
      }
    }),
    { numRuns: 800 },
  )
  expect(names).toBeGreaterThan(250)
})
