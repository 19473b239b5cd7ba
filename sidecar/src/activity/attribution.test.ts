import type { AttributionBasis, ObservedRequest } from "@boocontrol/shared/activity"
import { SwapEpoch } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { createCallerBook, matchCallers } from "./attribution.ts"
import type { SeenRequest } from "./attribution.ts"
import { UNKNOWN_CALLER } from "./ports.ts"

const START = Date.UTC(2026, 0, 1)
const EPOCH = SwapEpoch.parse("00000000-0000-4000-8000-000000000001")

/** A row whose time is its end, cut to the second as the engine does it. */
function row(id: number, endMs: number, durationMs: number): ObservedRequest {
  return {
    swap_epoch: EPOCH,
    swap_entry_id: id,
    ts: instantOf(Math.floor((START + endMs) / 1000) * 1000),
    model: "qwen",
    req_path: "/v1/chat/completions",
    status_code: 200,
    duration_ms: durationMs,
    cache_tokens: null,
    input_tokens: null,
    prompt_tokens: null,
    uncached_tokens: null,
    token_basis: "unknown",
    output_tokens: null,
    prompt_tps: null,
    gen_tps: null,
    draft_tokens: null,
    draft_accepted: null,
    error: null,
    has_capture: false,
    ...UNKNOWN_CALLER,
    attribution: null,
  }
}

function seen(
  key: string,
  startMs: number,
  endMs: number | null,
  changes: Partial<SeenRequest> = {},
): SeenRequest {
  return {
    key,
    model: "qwen",
    path: "/v1/chat/completions",
    startedAtMs: START + startMs,
    seenAtMs: startMs,
    endedAtMs: endMs,
    isCut: false,
    caller: { ...UNKNOWN_CALLER, source: key },
    ...changes,
  }
}

describe("pairing rows with the requests seen in flight", () => {
  it.each<[string, ObservedRequest[], SeenRequest[], ([string, AttributionBasis] | null)[]]>([
    ["one row, one request", [row(1, 5_900, 1_900)], [seen("a", 4_000, 5_900)], [["a", "only"]]],
    [
      "a request whose end was not seen yet",
      [row(1, 5_900, 1_900)],
      [seen("a", 4_000, null)],
      [["a", "only"]],
    ],
    ["another model", [row(1, 5_900, 1_900)], [seen("a", 4_000, 5_900, { model: "other" })], [null]],
    ["another path", [row(1, 5_900, 1_900)], [seen("a", 4_000, 5_900, { path: "/v1/embeddings" })], [null]],
    ["another length", [row(1, 5_900, 1_100)], [seen("a", 4_000, 5_900)], [null]],
    ["one that still runs, and was longer already", [row(1, 5_900, 1_100)], [seen("a", 4_000, null)], [null]],
    [
      "one that was seen late, by the engine's own start",
      [row(1, 5_900, 1_900)],
      [seen("a", 4_000, START + 5_900, { seenAtMs: START + 5_200 })],
      [["a", "only"]],
    ],
    [
      "one that was lost sight of, and ended later",
      [row(1, 5_900, 1_900)],
      [seen("a", 4_000, 4_300, { isCut: true })],
      [["a", "only"]],
    ],
    [
      "one that was lost sight of after more time than the row's",
      [row(1, 5_900, 900)],
      [seen("a", 4_000, 5_800, { isCut: true })],
      [null],
    ],
    ["another time", [row(1, 9_900, 1_900)], [seen("a", 4_000, 5_900)], [null]],
    [
      "two alike: nobody is named",
      [row(1, 5_900, 1_900)],
      [seen("a", 4_000, 5_900), seen("b", 4_010, 5_910)],
      [null],
    ],
    [
      "two that took clearly different times",
      [row(1, 5_900, 1_900), row(2, 5_950, 900)],
      [seen("a", 4_000, 5_900), seen("b", 5_050, 5_950)],
      [
        ["a", "only"],
        ["b", "only"],
      ],
    ],
    [
      "two that fit both, and took different times",
      [row(1, 5_900, 1_900)],
      [seen("a", 4_000, 5_900), seen("b", 3_700, 5_950)],
      [["a", "closest"]],
    ],
    [
      "two rows for one request: neither gets it",
      [row(1, 5_900, 1_900), row(2, 5_900, 1_890)],
      [seen("a", 4_000, null)],
      [null, null],
    ],
    [
      "many alike of one source: each gets one of them",
      [row(1, 5_900, 1_900), row(2, 5_910, 1_900)],
      [
        seen("a", 4_000, 5_900, { caller: { ...UNKNOWN_CALLER, source: "indexer" } }),
        seen("b", 4_010, 5_910, { caller: { ...UNKNOWN_CALLER, source: "indexer" } }),
      ],
      [
        ["a", "alike"],
        ["b", "alike"],
      ],
    ],
    [
      "more rows than requests of one source: nobody is named",
      [row(1, 5_900, 1_900), row(2, 5_910, 1_900), row(3, 5_920, 1_900)],
      [
        seen("a", 4_000, 5_900, { caller: { ...UNKNOWN_CALLER, source: "indexer" } }),
        seen("b", 4_010, 5_910, { caller: { ...UNKNOWN_CALLER, source: "indexer" } }),
      ],
      [null, null, null],
    ],
  ])("%s", (_, rows, requests, expected) => {
    const pairs = matchCallers(rows, requests, 5_900)
    expect(
      rows.map((_row, index) => {
        const pair = pairs.get(index)
        return pair ? [pair.key, pair.attribution] : null
      }),
    ).toEqual(expected)
  })
})

it("leaves unknown what requests of one source differ in", () => {
  const of = (session_id: string) => ({
    caller: { ...UNKNOWN_CALLER, source: "indexer", user_agent: "curl", session_id },
  })
  const pairs = matchCallers(
    [row(1, 5_900, 1_900)],
    [seen("a", 4_000, 5_900, of("one")), seen("b", 4_010, 5_910, of("two"))],
    5_910,
  )
  expect(pairs.get(0)?.caller).toEqual({ ...UNKNOWN_CALLER, source: "indexer", user_agent: "curl" })
})

describe("the book of callers", () => {
  const running = ({ key, model, path, startedAtMs, caller }: SeenRequest) => ({
    key,
    model,
    path,
    startedAtMs,
    caller,
  })

  it("names the caller of a row at once", () => {
    const book = createCallerBook()
    book.inflight([running(seen("a", 4_000, null))], 4_000)
    book.inflight([], 5_900)
    expect(book.withCallers([row(1, 5_900, 1_900)], 5_905)).toMatchObject([
      { source: "a", attribution: "only" },
    ])
  })

  it("does not say that it found somebody of whom nothing is known", () => {
    const book = createCallerBook()
    book.inflight([running(seen("a", 4_000, null, { caller: UNKNOWN_CALLER }))], 4_000)
    book.inflight([], 5_900)
    const rows = [row(1, 5_900, 1_900)]
    expect(book.withCallers(rows, 5_905)).toEqual(rows)
  })

  it("names no second row after a request whose row came before its end", () => {
    const book = createCallerBook()
    const list = [running(seen("a", 4_000, null))]
    book.inflight(list, 4_000)
    expect(book.withCallers([row(1, 5_900, 1_900)], 5_900)[0]?.source).toBe("a")
    book.inflight(list, 5_901)
    expect(book.withCallers([row(2, 5_900, 1_900)], 5_905)[0]?.source).toBe(null)
  })

  it("gives a request to its own row, not to one that ends in the same second and was never seen", () => {
    const book = createCallerBook()
    book.inflight([running(seen("a", 4_000, null))], 4_000)
    expect(book.withCallers([row(1, 5_500, 300)], 5_500)[0]?.source).toBe(null)
    expect(book.withCallers([row(2, 5_900, 1_900)], 5_900)[0]?.source).toBe("a")
    book.inflight([], 5_901)
    expect(book.late(5_901)).toEqual([])
  })

  it("still knows who asked when the list was lost meanwhile", () => {
    const book = createCallerBook()
    book.inflight([running(seen("a", 4_000, null))], 4_000)
    book.inflight(null, 4_300)
    expect(book.withCallers([row(1, 5_900, 1_900)], 8_000)[0]?.source).toBe("a")
  })

  it("sends the caller after the row when it is known only then, and once", () => {
    const book = createCallerBook()
    const [filled] = book.withCallers([row(1, 5_900, 1_900)], START + 5_900)
    expect(filled?.source).toBe(null)
    book.inflight([running(seen("a", 4_000, null))], START + 5_910)
    expect(book.late(START + 5_910)).toEqual([
      {
        swap_epoch: EPOCH,
        swap_entry_id: 1,
        ts: filled?.ts,
        ...UNKNOWN_CALLER,
        source: "a",
        attribution: "only",
      },
    ])
    expect(book.late(START + 5_920)).toEqual([])
  })

  it("does not look for the callers of old rows for ever", () => {
    const book = createCallerBook()
    const rows = [row(1, 5_900, 1_900)]
    expect(book.withCallers(rows, 5_900)).toEqual(rows)
    book.inflight([running(seen("a", 4_000, null))], 15_000)
    expect(book.late(15_000)).toEqual([])
  })
})
