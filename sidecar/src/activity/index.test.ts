import type { ActivityData } from "@boocontrol/shared/activity"
import { SwapEpoch } from "@boocontrol/shared/ids"
import type { NoteData } from "@boocontrol/shared/notes"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { manualClock } from "../platform/clock-manual.ts"
import type { ActivityCursor } from "../ports.ts"
import { createCallerBook } from "./attribution.ts"
import { createActivityFollower } from "./index.ts"
import type { RowPage, StoredRow } from "./ports.ts"

const row = (id: number): StoredRow => ({
  swap_entry_id: id,
  ts: instantOf(id * 1000),
  model: "qwen",
  req_path: null,
  status_code: 200,
  duration_ms: id,
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
})

function follower(saved: ActivityCursor | null = null) {
  const clock = manualClock()
  const ids: number[] = []
  const reads: number[] = []
  const cursors: ActivityCursor[] = []
  const notes: NoteData[] = []
  const state = {
    asked: 0,
    store: [] as number[],
    hold: null as Promise<void> | null,
    refuse: false,
    told: [] as ActivityData[],
  }
  const made = createActivityFollower({
    source: {
      async read(from): Promise<RowPage> {
        reads.push(from)
        const rows = state.store.filter((id) => id >= from).map(row)
        await state.hold
        return { rows, more: false, firstId: 1 }
      },
    },
    sink: {
      note: (note) => notes.push(note),
      activity(data) {
        if (state.refuse) return Promise.reject(new Error("disk full"))
        ids.push(...data.rows.map(({ swap_entry_id: id }) => id))
        state.told.push(data)
        return Promise.resolve()
      },
    },
    cursors: {
      load: () => Promise.resolve(saved),
      save(cursor) {
        cursors.push(cursor)
        return Promise.resolve()
      },
    },
    resume: {
      ask() {
        state.asked += 1
        return Promise.resolve(null)
      },
    },
    attribution: createCallerBook(),
    callerOf: () => Promise.resolve(null),
    clock,
    freshEpoch: () => SwapEpoch.parse("00000000-0000-4000-8000-000000000009"),
    onProblem: () => {},
  })
  return { clock, ids, reads, cursors, notes, state, made }
}

describe("reading rows as they come", () => {
  it("reads once for many doorbells that ring during a read", async () => {
    const { clock, reads, ids, state, made } = follower()
    state.store = [1]
    made.connected(false)
    await clock.advance(0)
    const held = Promise.withResolvers<void>()
    state.hold = held.promise
    for (let id = 2; id <= 50; id++) {
      state.store.push(id)
      made.ring(id)
    }
    await clock.advance(0)
    expect(reads.length).toBe(2)
    state.hold = null
    held.resolve()
    await clock.advance(0)
    expect(ids).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
    expect(reads.length).toBe(3)
  })

  it("keeps the cursor only behind rows that are safe, and tries again", async () => {
    const { clock, ids, cursors, state, made } = follower()
    state.store = [1, 2]
    state.refuse = true
    made.connected(false)
    await clock.advance(500)
    expect(cursors).toEqual([])
    state.refuse = false
    await clock.advance(1_000)
    expect(ids).toEqual([1, 2])
    expect(cursors.at(-1)?.swap_entry_id).toBe(2)
  })

  it("does not look at an answer that belongs to an earlier connection", async () => {
    const { clock, ids, state, made } = follower()
    state.store = [1]
    made.connected(false)
    await clock.advance(0)
    const held = Promise.withResolvers<void>()
    state.hold = held.promise
    state.store = []
    made.ring(2)
    await clock.advance(0)
    made.ended(0)
    state.store = [1, 2]
    state.hold = null
    made.connected(false)
    held.resolve()
    await clock.advance(0)
    expect(ids).toEqual([1, 2])
  })

  it("asks the hub only without a cursor of its own", async () => {
    const without = follower()
    without.made.connected(false)
    await without.clock.advance(0)
    expect(without.state.asked).toBe(1)
    const { ts, model, duration_ms } = row(3)
    const epoch = SwapEpoch.parse("00000000-0000-4000-8000-000000000001")
    const having = follower({ swap_epoch: epoch, swap_entry_id: 3, ts, model, duration_ms })
    having.state.store = [1, 2, 3, 4]
    having.made.connected(false)
    await having.clock.advance(0)
    expect(having.state.asked).toBe(0)
    expect(having.ids).toEqual([4])
    expect(having.notes).toEqual([])
  })

  it.each([
    ["told of each", [3, 4], true],
    ["told of the last", [4], true],
    ["told of them late", [], true],
    ["kept the last to itself", [3], false],
    ["kept all to itself", [], false],
  ])("trusts the end of a stream that %s of the rows that were found", async (how, rung, trusted) => {
    const { clock, notes, state, made } = follower()
    state.store = [1, 2]
    made.connected(false)
    await clock.advance(0)
    state.store.push(3, 4)
    for (const id of rung) made.ring(id)
    // A look that nobody rang for.
    made.ring(null)
    await clock.advance(0)
    if (how === "told of them late") made.ring(4)
    await clock.advance(0)
    made.ended(0)
    // Started again: another store.
    state.store = [1]
    made.connected(false)
    await clock.advance(0)
    expect(notes[0]).toMatchObject({ note: "swap_restarted", detail: { tailed: trusted } })
    expect(notes.slice(1).map(({ note }) => note)).toEqual(trusted ? [] : ["gap_suspected"])
  })

  it("trusts the end of a stream on which nothing happened, however often it was looked", async () => {
    const { clock, notes, state, made } = follower()
    state.store = [1, 2]
    made.connected(false)
    await clock.advance(0)
    made.ring(null)
    await clock.advance(0)
    made.ended(0)
    state.store = []
    made.connected(false)
    await clock.advance(0)
    expect(notes).toMatchObject([{ note: "swap_restarted", detail: { tailed: true } }])
  })

  it("takes pushed rows without asking, but only those that continue what is known", async () => {
    const { clock, ids, reads, state, made } = follower()
    state.store = [1]
    made.connected(false)
    await clock.advance(0)
    const before = reads.length
    made.offer([row(2)])
    await clock.advance(0)
    expect(reads.length).toBe(before)
    state.store = [1, 2, 3, 4]
    made.offer([row(60)])
    await clock.advance(0)
    expect(reads.length).toBe(before + 1)
    expect(ids).toEqual([1, 2, 3, 4])
  })

  it("sends a large backlog in messages of bounded size, the cursor after each", async () => {
    const { clock, ids, cursors, state, made } = follower()
    state.store = Array.from({ length: 999 }, (_, index) => index + 1)
    made.connected(false)
    await clock.advance(0)
    expect(ids.length).toBe(999)
    expect(Math.max(...state.told.map(({ rows }) => rows.length))).toBeLessThanOrEqual(200)
    expect(cursors.map(({ swap_entry_id: id }) => id)).toEqual([200, 400, 600, 800, 999])
  })

  it("does nothing more once it is stopped", async () => {
    const { clock, reads, made } = follower()
    made.connected(false)
    await made.stop()
    const before = reads.length
    made.ring(5)
    await clock.advance(10_000)
    expect(reads.length).toBe(before)
    expect(clock.pending()).toBe(0)
  })
})
