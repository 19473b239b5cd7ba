import type { PerfSample } from "@boocontrol/shared/telemetry"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import type { EngineSamples, Watermark } from "./ports.ts"
import type { Hole } from "./sampler.ts"

/**
 * Samples that the engine took itself: they fill the time this process was not there, or was frozen, and stand in for
 * nvidia-smi where there is none.
 */
export interface EngineFeed {
  start(): void
  stop(): Promise<void>
  /** This process took no samples then, though it was there. */
  hole(hole: Hole): void
  /** The engine's newest GPU reading that is still fresh, null without one. */
  newest(): PerfSample | null
}

export interface EngineFeedOptions {
  engine: EngineSamples
  clock: Clock
  watermark: Watermark
  /** The newest sample the hub has of this host; null where it has none or does not answer. */
  askHub(): Promise<Instant | null>
  /** True where the engine is the only one that can read the GPUs. */
  needed(): boolean
  /** True where this process reads the system itself. */
  hasSystem: boolean
  onBatch(samples: PerfSample[]): void
}

const POLL_MS = 5_000
/** The engine takes a sample every 5 s or less often; older than this is no reading of now. */
const FRESH_MS = 15_000
const BATCH_SAMPLES = 300
// A sample this near to one of our own would be a second reading of the same second.
const BESIDE_OWN_MS = 1_000
const MOST_HOLES = 20
// An engine that is connected and has no samples will not have any in the next seconds.
const MOST_POLL_MS = 60_000

export function engineFeed(options: EngineFeedOptions): EngineFeed {
  const { engine, clock, watermark } = options
  const stopping = new AbortController()
  const { signal } = stopping
  const startedAtMs = clock.now()
  let running: Promise<void> | null = null
  let newest: PerfSample | null = null
  let holes: Hole[] = []

  async function run(): Promise<void> {
    let after = later(past(watermark.load()), past(await options.askHub()))
    let latest: Instant | null = null
    let filled = false
    let pollMs = POLL_MS
    while (!signal.aborted) {
      // The clock was set back: nothing would come until it is there again.
      if (after !== null && past(after) === null) after = instantOf(clock.now())
      if (options.needed() || !filled) {
        const given = await engine.samples(after).catch(() => null)
        if (given !== null) {
          // What the engine took while the clock was ahead was fetched then. An engine elsewhere may always be ahead.
          const samples = given.filter(({ ts }) => past(ts) !== null || latest === null || ts > latest)
          latest = samples.reduce<Instant | null>((most, { ts }) => later(most, ts), latest)
          take(samples, after)
          after = samples.reduce<Instant | null>((most, { ts }) => later(most, ts), after)
          filled = true
          pollMs = POLL_MS
        } else if (!options.needed()) pollMs = Math.min(pollMs * 2, MOST_POLL_MS)
      } else after = later(after, watermark.load())
      await fillHoles()
      await clock.sleep(pollMs, signal)
    }
  }

  /** Where the engine's samples are taken all the time, a hole is filled by the next of them. */
  async function fillHoles(): Promise<void> {
    const [first] = holes
    if (!first || options.needed()) return void (holes = [])
    const wanted = holes
    const given = await engine.samples(instantOf(first.fromMs)).catch(() => null)
    if (given === null) return
    holes = holes.filter((hole) => !wanted.includes(hole))
    const samples = given.filter(({ ts }) => wanted.some((hole) => isIn(hole, epochMsOf(ts))))
    publish(samples.map((sample) => ({ ...sample, backfilled: true })))
  }

  /** Null for a time that is yet to come: it was taken from a clock that was wrong. */
  function past(ts: Instant | null): Instant | null {
    return ts !== null && epochMsOf(ts) > clock.now() + FRESH_MS ? null : ts
  }

  function take(samples: readonly PerfSample[], after: Instant | null): void {
    const now = clock.now()
    const wanted = samples
      .filter(({ ts }) => after === null || ts > after)
      .filter(({ ts }) => options.needed() || epochMsOf(ts) < startedAtMs)
      .map((sample) => adapted(sample, now))
    publish(wanted)
    const last = wanted.at(-1)
    if (last?.gpu && options.needed()) newest = last
  }

  function publish(samples: readonly PerfSample[]): void {
    const inOrder = samples.toSorted((a, b) => (a.ts < b.ts ? -1 : 1))
    for (let from = 0; from < inOrder.length; from += BATCH_SAMPLES)
      options.onBatch(inOrder.slice(from, from + BATCH_SAMPLES))
  }

  function adapted(sample: PerfSample, now: number): PerfSample {
    const atMs = epochMsOf(sample.ts)
    const late = now - atMs > FRESH_MS || atMs < startedAtMs
    // From its start on this process reads the system itself, more often.
    const isRead = options.hasSystem && atMs >= startedAtMs && !holes.some((hole) => isIn(hole, atMs))
    const sys = isRead ? null : sample.sys
    return {
      ts: sample.ts,
      gpu: sample.gpu,
      sys,
      source: sample.source,
      ...(late ? { backfilled: true } : {}),
    }
  }

  return {
    start() {
      running ??= run()
    },
    async stop() {
      stopping.abort()
      await running
    },
    hole(hole) {
      holes = [...holes, hole].slice(-MOST_HOLES)
    },
    newest() {
      if (!newest || !options.needed()) return null
      return clock.now() - epochMsOf(newest.ts) < FRESH_MS ? newest : null
    },
  }
}

function isIn({ fromMs, toMs }: Hole, atMs: number): boolean {
  return atMs > fromMs + BESIDE_OWN_MS && atMs < toMs - BESIDE_OWN_MS
}

function later(a: Instant | null, b: Instant | null): Instant | null {
  if (a === null) return b
  return b === null || a > b ? a : b
}
