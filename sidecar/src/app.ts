import { randomUUID } from "node:crypto"
import type { EngineStatus, Hardware, PresenceData } from "@boocontrol/shared/hosts"
import { PRESENCE_EVERY_MS } from "@boocontrol/shared/hosts"
import type { InflightData } from "@boocontrol/shared/activity"
import { BootId } from "@boocontrol/shared/ids"
import type { ModelReading } from "@boocontrol/shared/models"
import { inboxPrefixOf } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import { registerActions } from "./actions/index.ts"
import { registerCaptures } from "./captures/index.ts"
import { createCommands } from "./commands/index.ts"
import type { Config } from "./config.ts"
import { createLlamaSwapConnector } from "./llama-swap/index.ts"
import type { LlamaSwapConnector } from "./llama-swap/index.ts"
import type { LlamaSwapOptions } from "./llama-swap/options.ts"
import type { StampingClock } from "./platform/clock.ts"
import type { Log } from "./platform/log.ts"
import { natsLink } from "./platform/nats.ts"
import type { EngineSink } from "./ports.ts"
import { addressTowards, isThisMachine } from "./presence/addresses.ts"
import { advertisedUrl, hardwareOf } from "./presence/core.ts"
import { createPublishing } from "./publish/index.ts"
import { resumeAsk } from "./publish/resume.ts"
import { cursorStore } from "./spool/cursor.ts"
import { diskSpool } from "./spool/disk.ts"
import { folderFiles } from "./spool/files.ts"
import { messagesFolder, openSpoolFolder, otherHostsIn } from "./spool/folder.ts"
import { statusOf } from "./status/core.ts"
import { facts } from "./telemetry/facts/run.ts"
import { cardPower } from "./telemetry/gpu/sleep.ts"
import { createTelemetry } from "./telemetry/index.ts"
import { VERSION } from "./version.ts"

export interface SidecarOptions {
  config: Config
  clock: StampingClock
  log: Log
  environment(changes: Readonly<Record<string, string>>): NodeJS.ProcessEnv
  /** What speaks with the engine. */
  connector?: (options: LlamaSwapOptions) => LlamaSwapConnector
}

export interface Sidecar {
  start(): Promise<void>
  /** Ends everything, and gives what is kept a moment to leave. May be called twice. */
  stop(): Promise<void>
}

// What cannot leave by then is kept for the next start, or was never more than a sample.
const FLUSH_MS = 2_000
const CAPABILITIES = ["models", "activity", "inflight", "logs", "captures", "telemetry", "actions"]
// Changes come in bursts: a load changes status, models and GPUs within the same tenth of a second.
const ANNOUNCE_AFTER_MS = 100
const STATUS_EVERY = 6

/** Builds the parts and connects them: the only file that sees more than one. */
export function createSidecar({
  config,
  clock,
  log,
  environment,
  connector = createLlamaSwapConnector,
}: SidecarOptions): Sidecar {
  const host = config.hostId
  const folder = openSpoolFolder(config.spool.folder)
  const identity = { host, instance: folder.instance, boot: BootId.parse(randomUUID()) }
  const startedAt = instantOf(clock.now())
  const files = folderFiles(messagesFolder(folder.path, host))
  const spool = diskSpool({ files, maxBytes: config.spool.maxBytes, clock, log })
  const link = natsLink({
    servers: config.nats.servers,
    credsFile: config.nats.credsFile,
    name: `boocontrol-sidecar ${host}`,
    inboxPrefix: inboxPrefixOf(host),
    clock,
    log,
  })
  let parts: Parts | null = null
  let hardware: Hardware | null = null
  let advertiseUrl: string | null = config.engine.advertiseUrl
  let inflight: InflightData | null = null
  let models: readonly ModelReading[] = []
  let cancelAnnounce: (() => void) | null = null
  let cancelPresence = () => {}
  let beats = 0
  let stopping: Promise<void> | null = null

  const publishing = createPublishing({
    ...identity,
    ...{ clock, log, link, spool, presence, onSpoolProblem: changed },
    commands: { handle: (verb, payload) => commands.handle(verb, payload) },
    askHub: () => resumeAsk({ ...identity, clock, link, tries: 1 }).ask(),
    onOpen() {
      if (inflight) publishing.core("inflight", inflight)
    },
  })
  const commands = createCommands({
    ...{ ...identity, clock, shelf: folder },
    result: (data) => void publishing.durable("result", data).catch(() => undefined),
  })
  const ending = new AbortController()
  const resume = resumeAsk({ ...identity, clock, link, signal: ending.signal })

  interface Parts {
    engine: LlamaSwapConnector
    telemetry: ReturnType<typeof createTelemetry>
  }

  function build(local: boolean): Parts {
    const telemetry = createTelemetry({
      local,
      nvidiaSmi: config.nvidiaSmi,
      ...{ clock, log, shelf: folder },
      power: cardPower(),
      facts: facts({
        ...{ clock, environment, nvidiaSmi: config.nvidiaSmi },
        ...{ folder: folder.path, signal: ending.signal },
      }),
      engine: { samples: (after) => engine.samples(after) },
      askHub: async () => (await resume.ask())?.sample_ts ?? null,
      perf: (data) => publishing.durable("perf", data),
      live: (data) => publishing.core("live", data),
      note: (data) => void publishing.durable("note", data).catch(() => undefined),
      onChange: changed,
    })
    const cursors = cursorStore(folder)
    const engine = connector({
      url: config.engine.url,
      apiKey: config.engine.apiKey,
      sink,
      cursors,
      resume,
      gpuMemory: telemetry.gpuMemory,
      clock,
      random: Math.random,
      remote: !local,
      log: (message, details) => log.info(details ? `${message} ${JSON.stringify(details)}` : message),
      version: VERSION,
    })
    registerCaptures(commands, { host, engine, cursors })
    registerActions(commands, {
      ...{ host, clock, engine, version: VERSION },
      models: () => models,
      inflight: () => inflight?.requests ?? null,
    })
    return { engine, telemetry }
  }

  let lastStatus: EngineStatus | null = null
  const sink: EngineSink = {
    status(status) {
      const before = lastStatus
      lastStatus = status
      if (status.liveness === "connected" && before?.liveness !== "connected") void askHardware()
      if (before === null || isNews(before, status)) changed()
    },
    models(data) {
      models = data.models
      void publishing.durable("models", data).catch(() => undefined)
    },
    inflight(data) {
      inflight = data
      publishing.core("inflight", data)
    },
    log: (data) => publishing.core("log", data),
    note: (data) => void publishing.durable("note", data).catch(() => undefined),
    activity: (data) => publishing.durable("activity", data),
  }

  async function askHardware(): Promise<void> {
    const asked = await parts?.engine.hardware().catch(() => null)
    if (!asked) return
    hardware = asked
    changed()
  }

  function presence(): PresenceData {
    const { engine, telemetry } = parts ?? {}
    return {
      sidecar_version: VERSION,
      started_at: startedAt,
      ...(config.simulated ? { simulated: true } : {}),
      capabilities: CAPABILITIES,
      advertise_url: advertiseUrl,
      engine: engine?.status() ?? NOT_STARTED,
      hardware: hardwareOf(hardware, telemetry?.machine() ?? null, telemetry?.inventory() ?? []),
      gpu_feed: telemetry?.feed() ?? { source: null, state: "unavailable", reason: "starting" },
      spool: spool.status(),
      clock: { now: instantOf(clock.now()), steps: clock.steps() },
      rejected: (telemetry?.rejected() ?? 0) + (engine?.rejected() ?? 0),
    }
  }

  function changed(): void {
    cancelAnnounce ??= clock.setTimeout(() => {
      cancelAnnounce = null
      publishing.announce()
      saveStatus()
    }, ANNOUNCE_AFTER_MS)
  }

  function saveStatus(): void {
    const state = { presence: presence(), nats: { connected: link.connected(), problem: link.problem() } }
    try {
      folder.save(
        "status",
        statusOf({ ...identity, ...state, pid: process.pid, refusal: publishing.refusal() }),
      )
    } catch (error) {
      log.warn(`the status file cannot be written: ${String(error)}`)
    }
  }

  function beat(): void {
    publishing.announce()
    // Who joined late or missed one sees what is in flight, also that nothing is.
    if (inflight) publishing.core("inflight", inflight)
    if (beats % STATUS_EVERY === 0) saveStatus()
    beats += 1
    cancelPresence = clock.setTimeout(beat, PRESENCE_EVERY_MS)
  }

  async function findAdvertiseUrl(): Promise<void> {
    const nats = config.nats.servers[0] ?? ""
    const urls = { configured: config.engine.advertiseUrl, engine: config.engine.url, nats }
    advertiseUrl = advertisedUrl(urls, await addressTowards(URL.parse(nats)?.hostname ?? ""))
  }

  async function start(): Promise<void> {
    const local = await isThisMachine(new URL(config.engine.url).hostname)
    await findAdvertiseUrl()
    if (stopping) return
    parts = build(local)
    for (const other of otherHostsIn(folder.path, host))
      log.warn(
        `messages of the host id ${other} wait in ${folder.path}: they are sent when it runs under that id again`,
      )
    link.onChange((connected) => {
      changed()
      if (connected) void findAdvertiseUrl()
    })
    clock.onStep(({ before, after }) => {
      log.warn(`the clock was set from ${instantOf(before)} to ${instantOf(after)}`)
      sink.note({
        note: "clock_stepped",
        ts: instantOf(after),
        detail: { from: instantOf(before), to: instantOf(after) },
      })
    })
    publishing.start()
    commands.start()
    parts.engine.start()
    parts.telemetry.start()
    beat()
  }

  async function stop(): Promise<void> {
    ending.abort()
    cancelPresence()
    cancelAnnounce?.()
    // What is under way is given up first: that it is not finished is still to leave.
    await Promise.all([commands.stop(), parts?.engine.stop(), parts?.telemetry.stop()])
    await publishing.stop(FLUSH_MS)
    saveStatus()
    folder.release()
  }

  return { start, stop: () => (stopping ??= stop()) }
}

/** When it was last seen goes out with the next presence; everything else at once. */
function isNews(before: EngineStatus, now: EngineStatus): boolean {
  return (
    before.liveness !== now.liveness ||
    before.version !== now.version ||
    before.era !== now.era ||
    before.problem?.message !== now.problem?.message
  )
}

const NOT_STARTED: EngineStatus = {
  kind: "llama-swap",
  version: null,
  era: null,
  liveness: "reconnecting",
  last_seen_at: null,
  problem: null,
  lacks: [],
}
