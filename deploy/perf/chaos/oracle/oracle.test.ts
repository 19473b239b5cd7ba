import { describe, expect, it } from "vitest"
import { judgeRows } from "./rows.ts"
import type { EmittedRow, StoredRow } from "./rows.ts"
import { holesIn, judgeSamples, missingSeqs } from "./samples.ts"
import type { Sample } from "./samples.ts"

function emitted(id: number, tsMs: number, host = "a"): EmittedRow {
  const tokens = {
    ...{ cache_tokens: 0, draft_tokens: 0, draft_acc_tokens: 0, input_tokens: 1, output_tokens: 1 },
    ...{ prompt_per_second: 1, tokens_per_second: 1 },
  }
  const row = {
    ...{ id, timestamp: new Date(tsMs).toISOString(), model: "m", req_path: "/v1", duration_ms: 5, tokens },
    ...{ resp_content_type: "", resp_status_code: 200, has_capture: false },
  }
  return { host, store: 0, tsMs, row }
}

function stored(swap_entry_id: number, tsMs: number, swap_epoch = "e"): StoredRow {
  const rest = { model: "m", req_path: "/v1", status_code: 200, duration_ms: 5 }
  return { provider_id: "a", swap_epoch, swap_entry_id, tsMs, ...rest }
}

describe("rows", () => {
  it("are lost unless a gap of their host covers them", () => {
    const gap = { provider_id: "a", fromMs: 2_000, toMs: 3_000, tailFromMs: null }
    const rows = [emitted(1, 1_000), emitted(2, 2_000), emitted(3, 4_000), emitted(4, 3_000, "b")]
    const verdict = judgeRows(rows, [stored(1, 1_000)], [gap])
    expect(verdict.stored.map(({ row }) => row.id)).toEqual([1])
    expect(verdict.recorded.map(({ row }) => row.id)).toEqual([2])
    expect(verdict.lost.map(({ row }) => row.id)).toEqual([3, 4])
  })

  it("that a replaced store got late are covered by the tail of a gap, and no others are", () => {
    const gap = { provider_id: "a", fromMs: 2_000, toMs: 9_000, tailFromMs: 5_000 }
    const late = (id: number, tsMs: number, store: number, durationMs: number) => {
      const one = emitted(id, tsMs)
      return { ...one, store, row: { ...one.row, duration_ms: durationMs } }
    }
    const rows = [
      late(1, 8_000, 0, 4_000),
      late(2, 8_000, 0, 2_000),
      late(3, 8_000, 1, 4_000),
      late(4, 5_000, 1, 5),
      late(5, 9_500, 0, 9_000),
    ]
    const verdict = judgeRows(rows, [stored(4, 5_000)], [gap])
    expect(verdict.recorded.map(({ row }) => row.id)).toEqual([1])
    expect(verdict.lost.map(({ row }) => row.id)).toEqual([2, 3, 5])
  })

  it("are doubled when history has them under two epochs, and invented when nobody emitted them", () => {
    const verdict = judgeRows(
      [emitted(1, 1_000)],
      [stored(1, 1_000), stored(1, 1_000, "f"), stored(9, 1_000)],
      [],
    )
    expect(verdict.doubled).toHaveLength(1)
    expect(verdict.invented.map(({ swap_entry_id }) => swap_entry_id)).toEqual([9])
  })

  it("that are equal in two stores are two", () => {
    const twice = [emitted(1, 1_000), { ...emitted(1, 1_000), store: 1 }]
    expect(judgeRows(twice, [stored(1, 1_000)], []).lost).toHaveLength(1)
    expect(judgeRows(twice, [stored(1, 1_000), stored(1, 1_000, "f")], []).lost).toHaveLength(0)
  })
})

function sample(tsMs: number, readings: string, seq = 1): Sample {
  return { host: "a", boot: "b", seq, tsMs, source: "os", readings }
}

describe("samples", () => {
  it("may be kept a little later, and are lost when they are kept nowhere near", () => {
    const sent = [sample(1_000, "x"), sample(2_000, "y"), sample(3_000, "z")]
    const verdict = judgeSamples(sent, [sample(1_003, "x"), sample(2_500, "y")])
    expect(verdict.lost.map(({ readings }) => readings)).toEqual(["y", "z"])
  })

  it("are not doubled where one message said the same twice, and are where history says it more often", () => {
    const sent = [sample(1_000, "x"), sample(1_001, "x"), sample(1_000, "x")]
    expect(judgeSamples(sent, [sample(1_000, "x"), sample(1_001, "x")]).doubled).toEqual([])
    expect(
      judgeSamples(sent, [sample(1_000, "x"), sample(1_001, "x"), sample(1_002, "x")]).doubled,
    ).toHaveLength(2)
  })

  it("are doubled when the same readings lie beside each other", () => {
    const verdict = judgeSamples([], [sample(1_000, "x"), sample(1_001, "x", 2), sample(2_000, "x", 3)])
    expect(verdict.doubled.map(({ tsMs }) => tsMs)).toEqual([1_001])
  })

  it("miss the numbers that no message of their boot has", () => {
    const messages = [1, 2, 5].map((seq) => ({ host: "a", boot: "b", seq }))
    expect(missingSeqs([...messages, { host: "a", boot: "c", seq: 1 }]).map(({ seq }) => seq)).toEqual([3, 4])
  })
})

describe("holes", () => {
  const coverage = { watched: { fromMs: 0, toMs: 100 }, excused: [], leewayMs: 5, longestMs: 10 }

  it("are found between samples and at both ends", () => {
    expect(holesIn([20, 30, 60, 70, 80], coverage)).toEqual([
      { fromMs: 0, toMs: 20 },
      { fromMs: 30, toMs: 60 },
      { fromMs: 80, toMs: 100 },
    ])
  })

  it("are excused while nothing could be sampled, and for a little longer", () => {
    const times = [5, 10, 60, 70, 80, 90]
    expect(holesIn(times, { ...coverage, excused: [{ fromMs: 20, toMs: 50 }] })).toEqual([])
    expect(holesIn(times, { ...coverage, excused: [{ fromMs: 20, toMs: 30 }] })).toEqual([
      { fromMs: 35, toMs: 60 },
    ])
  })
})
