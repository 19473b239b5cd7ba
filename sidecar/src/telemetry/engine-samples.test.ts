import { describe, expect, it } from "vitest"
import type { PerfSample } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import { manualClock } from "../platform/clock-manual.ts"
import { engineFeed } from "./engine-samples.ts"
import { withoutReadings } from "./gpu/line.ts"
import { watermark } from "./watermark.ts"

const START = Date.parse("2026-03-01T12:00:00.000Z")
const at = (second: number) => instantOf(START + second * 1_000)
const GPU = withoutReadings({ index: 0, uuid: null, name: null, mem_total_mib: null }, "awake")

const SYS: NonNullable<PerfSample["sys"]> = {
  ...{ cpu_pct: 1, load_1: null, mem_used_mib: null, mem_total_mib: null, swap_used_mib: null },
  ...{ swap_total_mib: null, disk_used_mib: null, disk_total_mib: null },
  ...{ net_rx_bytes_per_s: null, net_tx_bytes_per_s: null },
}

interface Given {
  needed?: boolean
  local?: boolean
  saved?: Instant
  hub?: Instant
}

function world(given: Given = {}) {
  const clock = manualClock(START)
  const asked: (Instant | null)[] = []
  const published: PerfSample[] = []
  const saved: unknown[] = []
  const state: { has: PerfSample[] | null } = { has: [] }
  const mark = watermark(
    {
      load: (_, schema) => (given.saved ? (schema.safeParse({ sample_ts: given.saved }).data ?? null) : null),
      save: (_, value) => void saved.push(value),
    },
    clock,
  )
  const feed = engineFeed({
    engine: {
      samples(after) {
        asked.push(after)
        return Promise.resolve(state.has?.filter(({ ts }) => after === null || ts > after) ?? null)
      },
    },
    clock,
    watermark: mark,
    askHub: () => Promise.resolve(given.hub ?? null),
    needed: () => given.needed ?? false,
    hasSystem: given.local ?? true,
    onBatch: (samples) => void published.push(...samples),
  })
  return { clock, asked, published, state, feed }
}

function sample(second: number): PerfSample {
  return { ts: at(second), gpu: [GPU], sys: null, source: "llama-swap", backfilled: true }
}

describe("samples of the engine", () => {
  it("fill the time this process was not there, once, and are marked", async () => {
    const { clock, asked, published, state, feed } = world({ saved: at(-100) })
    state.has = [sample(-120), sample(-90), sample(-5), sample(3)]
    feed.start()
    await clock.advance(60_000)
    expect(asked).toEqual([at(-100)])
    expect(published.map(({ ts }) => ts)).toEqual([at(-90), at(-5)])
    expect(published.every(({ backfilled }) => backfilled === true)).toBe(true)
    expect(feed.newest()).toBeNull()
  })

  it.each([
    ["what was kept here", { saved: at(-50), hub: at(-100) }, at(-50)],
    ["what the hub has", { saved: at(-100), hub: at(-50) }, at(-50)],
    ["the whole window where nobody knows", {}, null],
    ["what lies in the past, where a clock was wrong", { saved: at(-100), hub: at(3_600) }, at(-100)],
  ])("are asked for from the later of %s", async (_, given, from) => {
    const { clock, asked, feed } = world(given)
    feed.start()
    await clock.advance(0)
    expect(asked[0]).toBe(from)
  })

  it("are asked for again until the engine answers", async () => {
    const { clock, published, state, feed } = world()
    state.has = null
    feed.start()
    await clock.advance(20_000)
    state.has = [sample(-9)]
    await clock.advance(60_000)
    expect(published.map(({ ts }) => ts)).toEqual([at(-9)])
  })

  it("stand in for nvidia-smi every five seconds, each once, the fresh ones unmarked", async () => {
    const { clock, asked, published, state, feed } = world({ needed: true })
    state.has = [sample(-20)]
    feed.start()
    await clock.advance(0)
    state.has.push(sample(4))
    await clock.advance(5_000)
    await clock.advance(5_000)
    expect(asked).toEqual([null, at(-20), at(4)])
    expect(published.map(({ ts, backfilled }) => [ts, backfilled ?? false])).toEqual([
      [at(-20), true],
      [at(4), false],
    ])
    expect(feed.newest()?.ts).toBe(at(4))
    await clock.advance(15_000)
    expect(feed.newest()).toBeNull()
  })

  it("go on at once when the clock is set back an hour", async () => {
    const { clock, published, state, feed } = world({ needed: true })
    state.has = [sample(3_600)]
    clock.step(START + 3_600_000)
    feed.start()
    await clock.advance(0)
    clock.step(START)
    await clock.advance(5_000)
    state.has.push(sample(7))
    await clock.advance(5_000)
    expect(published.map(({ ts }) => ts)).toEqual([at(3_600), at(7)])
  })

  it("of an engine whose own clock is ahead are all taken, each once", async () => {
    const { clock, published, state, feed } = world({ needed: true })
    state.has = [sample(60)]
    feed.start()
    await clock.advance(0)
    state.has.push(sample(65))
    await clock.advance(10_000)
    expect(published.map(({ ts }) => ts)).toEqual([at(60), at(65)])
  })

  it("fill the time in which this process was frozen, once, with the system and marked", async () => {
    const { clock, asked, published, state, feed } = world({ saved: at(-1) })
    feed.start()
    await clock.advance(60_000)
    expect(published).toEqual([])
    const inFreeze = [65, 70, 75, 80, 85].map((second) => ({ ...sample(second), backfilled: false }))
    state.has = [sample(55), sample(60), ...inFreeze, sample(90), sample(91)]
    feed.hole({ fromMs: START + 60_000, toMs: START + 90_000 })
    await clock.advance(60_000)
    expect(asked).toEqual([at(-1), at(60)])
    expect(published.map(({ ts, backfilled }) => [ts, backfilled])).toEqual(
      [65, 70, 75, 80, 85].map((second) => [at(second), true]),
    )
    expect(feed.newest()).toBeNull()
  })

  it("fill a freeze when the engine answers again, however long that takes", async () => {
    const { clock, published, state, feed } = world()
    feed.start()
    await clock.advance(5_000)
    state.has = null
    feed.hole({ fromMs: START + 5_000, toMs: START + 35_000 })
    await clock.advance(60_000)
    state.has = [sample(20)]
    await clock.advance(60_000)
    expect(published.map(({ ts }) => ts)).toEqual([at(20)])
  })

  it("bring the system too for a freeze where they stand in for nvidia-smi", async () => {
    const { clock, published, state, feed } = world({ needed: true })
    const sys = { ...SYS }
    feed.start()
    await clock.advance(5_000)
    clock.step(START + 40_000)
    state.has = [
      { ...sample(20), sys },
      { ...sample(39), sys },
    ]
    feed.hole({ fromMs: START + 5_000, toMs: START + 35_000 })
    await clock.advance(5_000)
    expect(published.map(({ ts, sys: read }) => [ts, read !== null])).toEqual([
      [at(20), true],
      [at(39), false],
    ])
  })

  it("survive an engine that throws", async () => {
    const clock = manualClock(START)
    let calls = 0
    const feed = engineFeed({
      engine: {
        samples() {
          calls += 1
          return Promise.reject(new Error("connection reset"))
        },
      },
      clock,
      watermark: { load: () => null, save: () => {} },
      askHub: () => Promise.resolve(null),
      needed: () => true,
      hasSystem: false,
      onBatch: () => {},
    })
    feed.start()
    await clock.advance(10_000)
    expect(calls).toBe(3)
    const stopped = feed.stop()
    await clock.advance(0)
    await stopped
  })
})
