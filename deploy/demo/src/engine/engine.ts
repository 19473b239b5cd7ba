import type { Clock } from "../clock.ts"
import type { Random } from "../random.ts"
import { type Edition, editionOf, type HostScenario } from "../scenario.ts"
import { type ActivityStore, createActivityStore, type LedgerEntry } from "./activity.ts"
import { type CaptureStore, createCaptureStore } from "./captures.ts"
import { type Bus, createBus } from "./events.ts"
import { hardwareOf } from "./hardware.ts"
import { createInflightTracker, type InflightTracker } from "./inflight.ts"
import { createListing } from "./listing.ts"
import { createLogMonitor, type LogMonitor } from "./logs.ts"
import { createPerformanceMonitor, type PerformanceMonitor } from "./performance.ts"
import { createPipeline, type Pipeline } from "./pipeline.ts"
import { createModelProcess, type ModelProcess, type ModelState } from "./process.ts"
import { createScheduler, type Scheduler } from "./scheduler.ts"

/** A reload tells the model list once more, this long after it. */
const RELOAD_NOTICE_MS = 3000
const TTL_CHECK_MS = 1000
/** Before v236 a reload leaves running requests silent for so long before it cuts them; later ones cut at once. */
const OLD_RELOAD_GRACE_MS = 30_000

export interface Engine {
  readonly scenario: HostScenario
  readonly edition: Edition
  readonly bus: Bus
  readonly processes: ReadonlyMap<string, ModelProcess>
  readonly scheduler: Scheduler
  readonly inflight: InflightTracker
  readonly captures: CaptureStore
  readonly performance: PerformanceMonitor
  readonly pipeline: Pipeline
  readonly listing: ReturnType<typeof createListing>
  readonly logs: { proxy: LogMonitor; upstream: LogMonitor; mux: LogMonitor }
  now(): number
  activity(): ActivityStore
  hardware(): ReturnType<typeof hardwareOf>
  /** The real id behind a name or alias, null where no model of this host has it. */
  resolve(name: string): string | null
  proxyLog(level: "INFO" | "WARN", text: string): void
  profile(): string | null
  setProfile(id: string | null): boolean
  /** Stops the named models, or all, and resolves when their processes are gone. */
  unload(ids: readonly string[] | null): Promise<void>
  /** What a changed configuration does: everything stops, in-flight ids and captures begin anew. */
  reload(): void
  /** What a new process does: rows, ids, logs and samples of the old one are gone unless they were on disk. */
  restart(): void
  start(): void
  stop(): void
}

export interface EngineParts {
  scenario: HostScenario
  clock: Clock
  random: Random
  /** Told of every row the moment it is written, whatever becomes of its store. */
  ledger?: ((entry: LedgerEntry) => void) | undefined
}

export function createEngine({ scenario, clock, random, ledger }: EngineParts): Engine {
  const edition = editionOf(scenario.version)
  const bus = createBus()
  const logs = { proxy: createLogMonitor(), upstream: createLogMonitor(), mux: createLogMonitor() }
  const captures = createCaptureStore(scenario.capture_buffer_mb * 1024 * 1024)
  const performance = createPerformanceMonitor(scenario, random)
  const inflight = createInflightTracker({
    clock,
    offsetMinutes: scenario.utc_offset_minutes,
    publish: (update) => bus.emit({ kind: "inflight", update }),
  })
  const processes = new Map<string, ModelProcess>()
  const scheduler = createScheduler(processes, scenario.groups)
  const listing = createListing(scenario, edition, processes)
  const timers: (() => void)[] = []
  let stores = 0
  let activity = newStore()
  let bootedAt = clock.now()
  let life = 0
  let profile: string | null = null

  logs.proxy.onData((data) => {
    logs.mux.write(data)
    bus.emit({ kind: "log", source: "proxy", data })
  })
  logs.upstream.onData((data) => bus.emit({ kind: "log", source: "upstream", data }))

  for (const model of scenario.models) {
    const process = createModelProcess({ model, clock, random, onState })
    process.log.onData((data) => logs.upstream.write(data))
    processes.set(model.id, process)
  }

  function newStore() {
    const store = stores++
    const onDisk = !edition.old && scenario.persistent_store
    return createActivityStore({
      firstId: edition.old ? 0 : 1,
      keep: onDisk ? null : scenario.metrics_max_in_memory,
      onAdd: (row) => ledger?.({ store, row: { ...row } }),
    })
  }

  function proxyLog(level: "INFO" | "WARN", text: string) {
    logs.proxy.write(`[${level}] ${text}\n`)
  }

  function onState(process: ModelProcess, before: ModelState, failure: string | null) {
    const { id } = process.model
    if (before === "starting" && process.state === "ready") {
      proxyLog("INFO", `<${id}> Health check passed on ${process.proxyUrl}/health`)
    }
    if (before === "starting" && failure) proxyLog("WARN", `group: starting ${id} failed: ${failure}`)
    if (before !== "starting" && failure) proxyLog("WARN", `<${id}> upstream process exited unexpectedly`)
    bus.emit({ kind: "models" })
    scheduler.onState(process, before === "starting" ? failure : null)
  }

  function resolve(name: string): string | null {
    const pinned = scenario.profiles.find((candidate) => candidate.id === profile)?.pins[name] ?? name
    if (processes.has(pinned)) return pinned
    return scenario.models.find((model) => model.aliases.includes(pinned))?.id ?? null
  }

  function unloadIdleModels() {
    for (const process of processes.values()) {
      const { ttl_s: ttl, id } = process.model
      if (ttl === 0 || process.state !== "ready" || process.serving.size > 0) continue
      if (clock.now() - process.lastRequestEndedAt <= ttl * 1000) continue
      proxyLog("INFO", `<${id}> Unloading model, TTL of ${ttl}s reached`)
      process.stop()
    }
  }

  function stopped(process: ModelProcess): Promise<void> {
    return new Promise((resolved) => {
      if (process.state === "stopped") return resolved()
      const off = bus.on((event) => {
        if (event.kind !== "models" || process.state !== "stopped") return
        off()
        resolved()
      })
    })
  }

  async function unload(ids: readonly string[] | null) {
    const chosen = [...processes.values()].filter((process) => ids === null || ids.includes(process.model.id))
    for (const process of chosen) {
      scheduler.fail("group: model unloaded", process)
      process.stop()
    }
    await Promise.all(chosen.map(stopped))
  }

  const pipeline = createPipeline({
    scenario,
    edition,
    clock,
    bus,
    processes,
    scheduler,
    inflight,
    captures,
    activity: () => activity,
    resolve,
    proxyLog,
    random,
    life: () => life,
  })

  return {
    scenario,
    edition,
    bus,
    processes,
    scheduler,
    inflight,
    captures,
    performance,
    pipeline,
    listing,
    logs,
    now: clock.now,
    activity: () => activity,
    hardware: () => hardwareOf(scenario, bootedAt),
    resolve,
    proxyLog,
    profile: () => profile,
    setProfile(id) {
      if (id !== null && !scenario.profiles.some((candidate) => candidate.id === id)) return false
      profile = id
      bus.emit({ kind: "profile" })
      bus.emit({ kind: "models" })
      return true
    },
    unload,
    reload() {
      proxyLog("INFO", "reloading configuration")
      scheduler.fail("group is shutting down")
      for (const process of processes.values()) {
        process.stop(edition.old ? OLD_RELOAD_GRACE_MS : 0)
        bus.emit({ kind: "models" })
      }
      inflight.reset()
      captures.clear()
      profile = null
      if (edition.old) activity = newStore()
      proxyLog("INFO", "configuration reloaded")
      timers.push(clock.after(RELOAD_NOTICE_MS, () => bus.emit({ kind: "models" })))
    },
    restart() {
      life++
      scheduler.fail("group is shutting down")
      for (const process of processes.values()) process.force("stopped")
      inflight.reset()
      captures.clear()
      performance.clear()
      profile = null
      bootedAt = clock.now()
      if (edition.old || !scenario.persistent_store) activity = newStore()
      for (const log of Object.values(logs)) log.clear()
      proxyLog("INFO", "llama-swap listening on http://127.0.0.1")
    },
    start() {
      bootedAt = clock.now()
      proxyLog("INFO", "llama-swap listening on http://127.0.0.1")
      for (const name of scenario.ready) processes.get(resolve(name) ?? "")?.force("ready")
      timers.push(clock.every(TTL_CHECK_MS, unloadIdleModels))
    },
    stop() {
      for (const cancel of timers.splice(0)) cancel()
      scheduler.fail("group is shutting down")
      for (const process of processes.values()) process.force("stopped")
    },
  }
}
