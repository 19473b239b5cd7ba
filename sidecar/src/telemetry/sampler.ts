import type { GpuSample, PerfSample, SysSample } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import type { Tick } from "./gpu/ticks.ts"

/** Joins GPU ticks and the system into one sample a second, and samples into batches. */
export interface Sampler {
  /** All cards were read. */
  tick(tick: Tick): void
  /** Once a second: a sample without GPU readings where no tick came. */
  second(nowMs: number): void
  /** Hands over what is left. */
  flush(): void
}

export interface SamplerOptions {
  system(nowMs: number): SysSample | null
  /** Cards that sleep, null where none do. */
  asleep(): GpuSample[] | null
  /** Whether ticks are expected right now. */
  streaming(): boolean
  /** Nothing was looked at between two moments: this process was frozen, or the machine was. */
  onHole(hole: Hole): void
  onSample(sample: PerfSample): void
  onBatch(samples: PerfSample[]): void
}

export interface Hole {
  fromMs: number
  toMs: number
}

const BATCH_SAMPLES = 5
// An engine samples every 5 s: a shorter hole need not hold any of its samples.
const HOLE_MS = 7_000
// Ticks come every second and drift; a sample beside one of them would be a second reading of the same second.
const TICK_MISSED_MS = 2_000

export function createSampler(options: SamplerOptions): Sampler {
  let batch: PerfSample[] = []
  let lastAtMs = -Infinity
  let lastSecondMs: number | null = null

  function take(takenAtMs: number, gpu: GpuSample[] | null, source: PerfSample["source"]): void {
    const sys = options.system(takenAtMs)
    if (sys === null && gpu === null) return
    // Two samples of one message with the same time would be taken for one that came twice. The first tick of a
    // stream is known late, when samples after it were taken already.
    let atMs = takenAtMs
    while (batch.some(({ ts }) => ts === instantOf(atMs))) atMs += 1
    lastAtMs = atMs
    const sample: PerfSample = { ts: instantOf(atMs), gpu, sys, source }
    options.onSample(sample)
    batch.push(sample)
    if (batch.length >= BATCH_SAMPLES) flush()
  }

  function flush(): void {
    if (batch.length === 0) return
    const samples = batch
    batch = []
    options.onBatch(samples)
  }

  return {
    tick: ({ atMs, gpus }) => take(atMs, gpus, "nvidia-smi"),
    second(nowMs) {
      if (lastSecondMs !== null && nowMs - lastSecondMs > HOLE_MS)
        options.onHole({ fromMs: lastSecondMs, toMs: nowMs })
      lastSecondMs = nowMs
      // A clock that was set back must not stop the samples.
      const sinceLast = Math.abs(nowMs - lastAtMs)
      if (options.streaming() && sinceLast < TICK_MISSED_MS) return
      take(nowMs, options.asleep(), "os")
    },
    flush,
  }
}
