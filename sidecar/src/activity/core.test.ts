import { SwapEpoch } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import type { ActivityCursor } from "../ports.ts"
import * as core from "./core.ts"
import { beginFollow, onEnded, readFrom, reconcile } from "./core.ts"
import type { Follow } from "./core.ts"
import type { StoredRow } from "./ports.ts"

const OLD = SwapEpoch.parse("00000000-0000-4000-8000-000000000001")
const FRESH = SwapEpoch.parse("00000000-0000-4000-8000-000000000002")
const NOW = instantOf(1_000_000)
const at = { now: NOW, fresh: FRESH }

function row(id: number, ts = id * 1000, changes: Partial<StoredRow> = {}): StoredRow {
  return {
    swap_entry_id: id,
    ts: instantOf(ts),
    model: "qwen",
    req_path: "/v1/chat/completions",
    status_code: 200,
    duration_ms: 100 + id,
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
    ...changes,
  }
}

function cursor(id: number): ActivityCursor {
  const { swap_entry_id, ts, model, duration_ms } = row(id)
  return { swap_epoch: OLD, swap_entry_id, ts, model, duration_ms }
}

const onConnected = (follow: Follow, unseenLife = false): Follow =>
  core.onConnected(follow, { unseenLife, at: NOW })
const known = (id: number): Follow => onConnected(beginFollow(cursor(id), FRESH))
const ids = (rows: readonly { swap_entry_id: number }[]) => rows.map(({ swap_entry_id: id }) => id)

describe("following an activity store", () => {
  it("takes everything under a fresh epoch, without a gap, when nothing was known", () => {
    const decision = reconcile(
      onConnected(beginFollow(null, FRESH)),
      { rows: [row(1), row(2)], more: false, firstId: 1 },
      at,
    )
    expect(ids(decision.rows)).toEqual([1, 2])
    expect(decision.rows.every(({ swap_epoch }) => swap_epoch === FRESH)).toBe(true)
    expect(decision.notes).toEqual([])
  })

  it("stays in its epoch when the last row is met again, and does not send that row twice", () => {
    const decision = reconcile(known(7), { rows: [row(7), row(8), row(9)], more: true, firstId: 1 }, at)
    expect(ids(decision.rows)).toEqual([8, 9])
    expect(decision.rows[0]?.swap_epoch).toBe(OLD)
    expect(decision).toMatchObject({ notes: [], again: true, follow: { epoch: OLD, verified: true } })
  })

  it.each([
    ["another time", row(7, 8_000)],
    ["another model", row(7, 7_000, { model: "other" })],
    ["another duration", row(7, 7_000, { duration_ms: 5 })],
  ])("begins a new epoch when the row at the last id has %s", (_, head) => {
    const decision = reconcile(known(7), { rows: [head, row(8)], more: false, firstId: 1 }, at)
    expect(decision.rows).toEqual([])
    expect(decision.notes.map(({ note }) => note)).toEqual(["swap_restarted"])
    expect(decision).toMatchObject({ again: true, follow: { epoch: FRESH, last: null } })
    expect(readFrom(decision.follow)).toBe(0)
  })

  it.each([
    ["the store is empty", []],
    ["only newer rows are left and the connection is new", [row(20), row(21)]],
  ])("begins a new epoch when %s", (_, rows) => {
    const decision = reconcile(known(7), { rows, more: false, firstId: 1 }, at)
    expect(decision.follow.epoch).toBe(FRESH)
    expect(decision.notes.map(({ note }) => note)).toEqual(["swap_restarted"])
  })

  it("tells the gap from the last seen to the first new row of the new store", () => {
    const restarted = reconcile(known(7), { rows: [], more: false, firstId: 1 }, at).follow
    const waiting = reconcile(restarted, { rows: [], more: false, firstId: 1 }, at)
    expect(waiting.notes).toEqual([])
    const first = reconcile(
      onConnected(waiting.follow),
      { rows: [row(1, 50_000), row(2, 60_000)], more: false, firstId: 1 },
      at,
    )
    expect(first.notes).toEqual([
      { note: "gap_suspected", ts: NOW, detail: { from: instantOf(7_000), to: instantOf(50_000) } },
    ])
    expect(ids(first.rows)).toEqual([1, 2])
    expect(reconcile(first.follow, { rows: [row(1, 50_000)], more: false, firstId: 1 }, at).notes).toEqual([])
  })

  it("claims no gap when the old store was followed to its end", () => {
    const followed = reconcile(known(7), { rows: [row(7)], more: false, firstId: 1 }, at).follow
    const ended = onConnected(onEnded(followed, { complete: true, inflight: 0, at: NOW }))
    const restarted = reconcile(ended, { rows: [], more: false, firstId: 1 }, at).follow
    expect(reconcile(restarted, { rows: [row(1, 50_000)], more: false, firstId: 1 }, at).notes).toEqual([])
  })

  it("claims a gap all the same when the new store has lost its first rows by then", () => {
    const followed = reconcile(known(7), { rows: [row(7)], more: false, firstId: 1 }, at).follow
    const ended = onConnected(onEnded(followed, { complete: true, inflight: 0, at: NOW }))
    const restarted = reconcile(ended, { rows: [], more: false, firstId: 1 }, at).follow
    const notes = reconcile(restarted, { rows: [row(3, 50_000)], more: false, firstId: 1 }, at).notes
    expect(notes).toMatchObject([{ detail: { from: instantOf(7_000), to: instantOf(50_000) } }])
  })

  it.each([
    ["rows were told of but not read", { complete: false, inflight: 0, at: NOW }],
    ["a request was in flight", { complete: true, inflight: 1, at: NOW }],
    ["it is not known what was in flight", { complete: true, inflight: null, at: NOW }],
  ])("claims the gap when %s as the old life ended", (_, end) => {
    const followed = reconcile(known(7), { rows: [row(7)], more: false, firstId: 1 }, at).follow
    const restarted = reconcile(
      onConnected(onEnded(followed, end)),
      { rows: [], more: false, firstId: 1 },
      at,
    ).follow
    const notes = reconcile(restarted, { rows: [row(1, 50_000)], more: false, firstId: 1 }, at).notes
    expect(notes.map(({ note }) => note)).toEqual(["gap_suspected"])
  })

  describe("a life in between that was not followed", () => {
    const firstRow = { rows: [row(1, 50_000)], more: false, firstId: 1 }
    const followed = reconcile(known(7), { rows: [row(7)], more: false, firstId: 1 }, at).follow
    const tailed = onEnded(followed, { complete: true, inflight: 0, at: NOW })
    const notesOf = (connected: Follow) =>
      reconcile(reconcile(connected, { rows: [], more: false, firstId: 1 }, at).follow, firstRow, at).notes

    it("is a gap, though the life before was read to its end", () => {
      expect(notesOf(onConnected(tailed))).toEqual([])
      expect(notesOf(onConnected(tailed, true))).toMatchObject([
        { note: "gap_suspected", detail: { from: instantOf(7_000), to: instantOf(50_000) } },
      ])
    })

    it("may have been that of a connection which never met the last row", () => {
      const again = onEnded(onConnected(tailed), { complete: true, inflight: 0, at: NOW })
      expect(notesOf(onConnected(again)).map(({ note }) => note)).toEqual(["gap_suspected"])
    })

    it("is a gap too where the life before had no row yet", () => {
      const empty = reconcile(onConnected(tailed), { rows: [], more: false, firstId: 1 }, at).follow
      const ended = onEnded(empty, { complete: true, inflight: 0, at: NOW })
      expect(reconcile(onConnected(ended), firstRow, at).notes).toEqual([])
      expect(reconcile(onConnected(ended, true), firstRow, at).notes).toMatchObject([
        { note: "gap_suspected", detail: { from: instantOf(7_000), to: instantOf(50_000) } },
      ])
    })

    it("is none where the last row is met again", () => {
      const met = reconcile(
        onConnected(tailed, true),
        { rows: [row(7), row(8)], more: false, firstId: 1 },
        at,
      )
      expect(met.notes).toEqual([])
      expect(ids(met.rows)).toEqual([8])
    })
  })

  it("tells a gap whose end is not before its beginning where the clock was set back in between", () => {
    const replaced = reconcile(known(7), { rows: [row(1, 2_000)], more: false, firstId: 1 }, at)
    const { notes } = reconcile(replaced.follow, { rows: [row(1, 2_000)], more: false, firstId: 1 }, at)
    expect(notes).toMatchObject([
      { note: "gap_suspected", detail: { from: instantOf(2_000), to: instantOf(7_000) } },
    ])
  })

  it("tells a gap, in the same epoch, when rows were pruned before they were read on one connection", () => {
    const followed = reconcile(known(7), { rows: [row(7)], more: false, firstId: 1 }, at).follow
    const decision = reconcile(followed, { rows: [row(12), row(13)], more: false, firstId: 1 }, at)
    expect(decision.notes).toMatchObject([
      { note: "gap_suspected", detail: { from: instantOf(7_000), to: instantOf(12_000) } },
    ])
    expect(decision.rows[0]?.swap_epoch).toBe(OLD)
  })

  it("tells no gap when the last row was pruned but nothing after it", () => {
    const followed = reconcile(known(7), { rows: [row(7)], more: false, firstId: 1 }, at).follow
    const decision = reconcile(followed, { rows: [row(8)], more: false, firstId: 1 }, at)
    expect(decision.notes).toEqual([])
    expect(ids(decision.rows)).toEqual([8])
  })
})

describe("rows that an engine writes to a store it has replaced", () => {
  const LATE = 30_000
  const page = (...rows: StoredRow[]) => ({ rows, more: false, firstId: 0, lateMs: LATE })
  const atMs = (ms: number) => ({ now: instantOf(ms), fresh: FRESH })
  const met = reconcile(known(7), page(row(7)), at).follow

  /** The old store is met, the connection ends like this, and the new store is seen at 20 s. */
  function replaced(end: { complete: boolean; inflight: number | null }): Follow {
    const ended = onEnded(met, { ...end, at: instantOf(19_000) })
    return reconcile(onConnected(ended), page(), atMs(20_000)).follow
  }

  it("may end so long after the first row of the new one: the gap says so, and what was in flight", () => {
    const gap = reconcile(replaced({ complete: true, inflight: 2 }), page(row(0, 21_000)), atMs(21_500))
      .notes[0]
    expect(gap?.detail).toEqual({
      from: instantOf(7_000),
      to: instantOf(21_000 + LATE),
      first_row: instantOf(21_000),
      in_flight: 2,
    })
  })

  it("are claimed for less long the longer the new store stood empty, and not at all after that", () => {
    const seen = replaced({ complete: false, inflight: null })
    const waited = reconcile(seen, page(), atMs(32_000)).follow
    const late = reconcile(waited, page(row(0, 33_000)), atMs(33_000)).notes[0]
    expect(late?.detail).toMatchObject({ to: instantOf(33_000 + LATE - 12_000), in_flight: null })
    const longer = reconcile(waited, page(), atMs(50_000)).follow
    const none = reconcile(longer, page(row(0, 60_000)), atMs(60_000)).notes[0]
    expect(none?.detail).toEqual({ from: instantOf(7_000), to: instantOf(60_000) })
  })

  it("do not exist where the old store was read to its end", () => {
    expect(
      reconcile(replaced({ complete: true, inflight: 0 }), page(row(0, 21_000)), atMs(21_000)).notes,
    ).toEqual([])
  })

  it("are claimed of a store too that was seen without a row and replaced in its turn", () => {
    const empty = reconcile(replaced({ complete: true, inflight: 0 }), page(), atMs(24_000)).follow
    const again = onEnded(empty, { complete: true, inflight: 1, at: instantOf(25_000) })
    const gap = reconcile(onConnected(again), page(row(0, 26_000)), atMs(26_000)).notes[0]
    expect(gap?.detail).toMatchObject({ from: instantOf(7_000), to: instantOf(26_000 + LATE), in_flight: 1 })
  })

  it("are claimed of the very first store, where a request was seen in flight as it ended", () => {
    const first = reconcile(onConnected(beginFollow(null, FRESH)), page(), atMs(5_000)).follow
    const idle = onEnded(first, { complete: true, inflight: null, at: instantOf(6_000) })
    expect(reconcile(onConnected(idle), page(row(0, 8_000)), atMs(8_000)).notes).toEqual([])
    const busy = onEnded(first, { complete: true, inflight: 1, at: instantOf(6_000) })
    const gap = reconcile(onConnected(busy), page(row(0, 8_000)), atMs(8_000)).notes[0]
    expect(gap?.detail).toMatchObject({ from: instantOf(6_000), to: instantOf(8_000 + LATE) })
  })

  it("are never claimed for rows that were pruned", () => {
    const detail = reconcile(met, page(row(12), row(13)), at).notes[0]?.detail
    expect(detail).toEqual({ from: instantOf(7_000), to: instantOf(12_000) })
  })
})
