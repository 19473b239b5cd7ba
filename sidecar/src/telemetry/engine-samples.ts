import type { PerfSample } from "@boocontrol/shared/telemetry"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import type { EngineSamples, Watermark } from "./ports.ts"

/**
 * Samples that the engine took itself: they fill the time this process was not there, and stand in for nvidia-smi
 * where there is none.
 */
export interface EngineFeed {
  start(): void
  stop(): Promise<void>
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
// An engine that is connected and has no samples will not have any in the next seconds.
const MOST_POLL_MS = 60_000

export function engineFeed(options: EngineFeedOptions): EngineFeed {
  const { engine, clock, watermark } = options
  const stopping = new AbortController()
  const { signal } = stopping
  const startedAtMs = clock.now()
  let running: Promise<void> | null = null
  let newest: PerfSample | null = null

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
      await clock.sleep(pollMs, signal)
    }
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
      .sort((a, b) => (a.ts < b.ts ? -1 : 1))
      .map((sample) => adapted(sample, now))
    for (let from = 0; from < wanted.length; from += BATCH_SAMPLES)
      options.onBatch(wanted.slice(from, from + BATCH_SAMPLES))
    const last = wanted.at(-1)
    if (last?.gpu && options.needed()) newest = last
  }

  function adapted(sample: PerfSample, now: number): PerfSample {
    const atMs = epochMsOf(sample.ts)
    const late = now - atMs > FRESH_MS || atMs < startedAtMs
    // From its start on this process reads the system itself, more often.
    const sys = options.hasSystem && atMs >= startedAtMs ? null : sample.sys
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
    newest() {
      if (!newest || !options.needed()) return null
      return clock.now() - epochMsOf(newest.ts) < FRESH_MS ? newest : null
    },
  }
}

function later(a: Instant | null, b: Instant | null): Instant | null {
  if (a === null) return b
  return b === null || a > b ? a : b
}
