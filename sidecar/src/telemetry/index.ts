import type { GpuFeed, GpuInventory } from "@boocontrol/shared/hosts"
import type { NoteData } from "@boocontrol/shared/notes"
import type { GpuProcess, GpuSample, LiveData, PerfData } from "@boocontrol/shared/telemetry"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { GpuMemory } from "../ports.ts"
import { engineFeed } from "./engine-samples.ts"
import type { Facts } from "./facts/run.ts"
import type { StaticFacts } from "./facts/reply.ts"
import { gpuReader } from "./gpu/run.ts"
import type { CardPower } from "./gpu/sleep.ts"
import type { EngineSamples } from "./ports.ts"
import { createSampler } from "./sampler.ts"
import { systemReader } from "./system/read.ts"
import { watermark } from "./watermark.ts"
import type { Shelf } from "./watermark.ts"

export interface TelemetryOptions {
  /** False where the engine runs on another machine: nothing of this one is sampled. */
  local: boolean
  nvidiaSmi: string
  clock: Clock
  log: Log
  power: CardPower
  facts: Facts
  shelf: Shelf
  engine: EngineSamples
  askHub(): Promise<Instant | null>
  perf(data: PerfData): Promise<void>
  live(data: LiveData): void
  note(data: NoteData): void
  /** Something that presence shows has changed. */
  onChange(): void
}

export interface Telemetry {
  start(): void
  stop(): Promise<void>
  feed(): GpuFeed
  inventory(): readonly GpuInventory[]
  machine(): StaticFacts | null
  /** Lines of tools that made no sense, since the start. */
  rejected(): number
  gpuMemory: GpuMemory
}

const SECOND_MS = 1_000
const FACTS_EVERY_MS = 60_000
const GPU_READING_FRESH_MS = 5_000

export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { clock, log, local, facts } = options
  const mark = watermark(options.shelf, clock)
  const system = local ? systemReader() : null
  let machine: StaticFacts | null = null
  let inventory: GpuInventory[] = []
  let processes: GpuProcess[] = []
  let newestGpus: { atMs: number; gpus: GpuSample[] } | null = null
  let rejected = 0
  let cancelSecond = () => {}
  let cancelFacts = () => {}
  let stopped = false

  const reader = local
    ? gpuReader({
        program: options.nvidiaSmi,
        clock,
        log,
        power: options.power,
        onTick(tick) {
          newestGpus = tick
          sampler.tick(tick)
          for (const gpu of tick.lost) tell("gpu_lost", tick.atMs, gpu)
          for (const gpu of tick.returned) tell("gpu_returned", tick.atMs, gpu)
        },
        onFeed: () => options.onChange(),
        onRejected(line) {
          rejected += 1
          if (rejected === 1)
            log.warn(`nvidia-smi printed a line that makes no sense: ${JSON.stringify(line.slice(0, 120))}`)
        },
      })
    : null

  const sampler = createSampler({
    system: (nowMs) => system?.read(nowMs) ?? null,
    asleep: () => reader?.asleep() ?? null,
    streaming: () => reader?.feed().state === "streaming",
    onHole: (hole) => engine.hole(hole),
    onSample(sample) {
      const engineGpus = sample.gpu === null ? engine.newest() : null
      options.live({
        sample: engineGpus ? { ...sample, gpu: engineGpus.gpu, source: engineGpus.source } : sample,
      })
    },
    onBatch: publish,
  })

  const engine = engineFeed({
    engine: options.engine,
    clock,
    watermark: mark,
    askHub: options.askHub,
    needed: () => reader === null || reader.feed().state === "unavailable",
    hasSystem: local,
    onBatch(samples) {
      publish(samples)
      const last = samples.at(-1)
      if (!local && last && last.backfilled !== true) options.live({ sample: last })
    },
  })

  function publish(samples: PerfData["samples"]): void {
    const last = samples.at(-1)
    options
      .perf({ samples })
      .then(() => last && mark.save(last.ts))
      .catch(() => undefined)
  }

  function tell(note: "gpu_lost" | "gpu_returned", atMs: number, gpu: GpuSample): void {
    log.warn(`GPU ${gpu.index} ${note === "gpu_lost" ? "is lost" : "is back"}`)
    options.note({ note, ts: instantOf(atMs), detail: { index: gpu.index, uuid: gpu.uuid, name: gpu.name } })
  }

  function second(): void {
    if (stopped) return
    const nowMs = clock.now()
    reader?.watch()
    sampler.second(nowMs)
    cancelSecond = clock.setTimeout(second, SECOND_MS - (nowMs % SECOND_MS))
  }

  async function askFacts(): Promise<void> {
    if (machine === null) {
      const reply = await facts.ask("machine")
      if (reply.kind === "machine") machine = reply.machine
    }
    // The question itself would wake a card that sleeps, and would hang where the stream hangs.
    if (reader?.feed().state === "streaming") {
      const reply = await facts.ask("gpus")
      if (reply.kind === "gpus") ({ gpus: inventory, processes } = reply)
      else if (reply.kind === "failed") processes = []
    }
    if (stopped) return
    options.onChange()
    const soon = inventory.length === 0 && reader?.feed().state === "restarting"
    cancelFacts = clock.setTimeout(() => void askFacts(), soon ? FACTS_EVERY_MS / 12 : FACTS_EVERY_MS)
  }

  function feed(): GpuFeed {
    const own = reader?.feed() ?? {
      source: null,
      state: "unavailable",
      reason: "the engine runs on another machine",
    }
    if (own.state !== "unavailable" || !engine.newest()) return own
    return { source: "llama-swap", state: "streaming", reason: own.reason }
  }

  return {
    start() {
      reader?.start()
      engine.start()
      if (!local) return
      second()
      void askFacts()
    },
    async stop() {
      if (stopped) return
      stopped = true
      cancelSecond()
      cancelFacts()
      await Promise.all([reader?.stop(), engine.stop()])
      sampler.flush()
    },
    feed,
    inventory: () => (inventory.length > 0 ? inventory : inventoryOf(newestGpus?.gpus ?? [])),
    machine: () => machine,
    rejected: () => rejected,
    gpuMemory: {
      usedMib() {
        const fromEngine = engine.newest()
        const reading = fromEngine?.gpu
          ? { atMs: epochMsOf(fromEngine.ts), gpus: fromEngine.gpu }
          : newestGpus
        if (!reading || Math.abs(clock.now() - reading.atMs) > GPU_READING_FRESH_MS) return null
        return reading.gpus.reduce<number | null>(
          (sum, gpu) => (sum === null || gpu.mem_used_mib === null ? null : sum + gpu.mem_used_mib),
          0,
        )
      },
      processes: () => processes,
    },
  }
}

function inventoryOf(gpus: readonly GpuSample[]): GpuInventory[] {
  return gpus.map(({ index, uuid, name, mem_total_mib, power_limit_w }) => ({
    index,
    uuid,
    name,
    memory_total_mib: mem_total_mib,
    power_limit_w,
    driver: null,
  }))
}
