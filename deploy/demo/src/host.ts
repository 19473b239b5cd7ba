import { type Clock, systemClock } from "./clock.ts"
import { createControl, type Control } from "./control.ts"
import { handleControl, isControlPath } from "./control-http.ts"
import type { LedgerEntry } from "./engine/activity.ts"
import { createEngine } from "./engine/engine.ts"
import { createHostGpus } from "./gpu/host-gpus.ts"
import { createNvidiaSmiFiles, type Misbehaviour } from "./gpu/nvidia-smi.ts"
import { listenAsBackend } from "./http/backend.ts"
import { createExchange } from "./http/exchange.ts"
import { createRouter } from "./http/router.ts"
import { createSwapHandler, listen } from "./http/server.ts"
import { createEventStreams } from "./http/streams.ts"
import { createRandom } from "./random.ts"
import { HostScenario, type HostScenarioInput } from "./scenario.ts"
import { startTraffic } from "./traffic/traffic.ts"

/** Twice a second: a reader at 1 Hz then never sees the same reading twice. */
const GPU_STEP_MS = 500

export interface SimulatedHost {
  readonly hostId: string
  readonly name: string
  /** The simulated llama-swap. */
  readonly url: string
  /** The same control verbs on a port of their own, for when the host itself refuses connections. */
  readonly controlUrl: string
  /** An executable that answers as this host's nvidia-smi. */
  readonly nvidiaSmiPath: string
  /** What that executable reads. */
  readonly gpuFile: string
  readonly control: Control
  stop(): Promise<void>
}

export interface SimulatedHostOptions {
  clock?: Clock
  /** 0 = any free port. */
  port?: number
  /** Told of every request row the moment it is written, those of lost lives included. */
  ledger?: (entry: LedgerEntry) => void
}

/** One host: llama-swap, the model servers behind it, its cards, and the clients that keep it busy. */
export async function startSimulatedHost(
  input: HostScenarioInput,
  { clock = systemClock, port = 0, ledger }: SimulatedHostOptions = {},
): Promise<SimulatedHost> {
  const scenario = HostScenario.parse(input)
  const random = createRandom(scenario.seed ?? scenario.host_id)
  const engine = createEngine({ scenario, clock, random, ledger })
  const streams = createEventStreams(engine)
  const gpus = createHostGpus({ scenario, clock, random, processes: engine.processes })
  const files = createNvidiaSmiFiles(scenario.host_id)
  let bad: Misbehaviour | null = null

  function stepGpus() {
    gpus.step()
    files.write({ ...gpus.state(), misbehave: bad })
  }
  function samplePerformance() {
    const busy = [...engine.processes.values()].some((process) => process.serving.size > 0) ? 1 : 0
    const now = gpus.now()
    const usedMemoryMib = 5200 + now.reduce((sum, gpu) => sum + gpu.reading.memoryUsedMib * 0.12, 0)
    engine.performance.sample(clock.now(), { gpus: now, busy, usedMemoryMib })
  }

  const swap = createSwapHandler(engine, createRouter(engine, streams))
  const listener = await listen((request, response) => {
    if (isControlPath(request.url ?? "")) void handleControl(control, createExchange(request, response))
    else swap(request, response)
  }, port)
  const control = createControl({
    engine,
    clock,
    streams,
    listener,
    gpu: {
      misbehave(kind) {
        bad = kind
        stepGpus()
      },
      step: stepGpus,
    },
  })
  const controlListener = await listen((request, response) => {
    void handleControl(control, createExchange(request, response))
  }, 0)
  const backends = await Promise.all(
    [...engine.processes.values()].map(async (process) => {
      const backend = await listenAsBackend(process, clock.now)
      process.proxyUrl = `http://localhost:${backend.port}`
      return backend
    }),
  )

  engine.start()
  stepGpus()
  const cancels = [clock.every(GPU_STEP_MS, stepGpus)]
  if (scenario.performance.enabled) cancels.push(clock.every(engine.performance.everyMs, samplePerformance))
  const traffic = startTraffic({ engine, clock, random })

  let stopped: Promise<void> | null = null
  async function stopOnce() {
    for (const cancel of cancels) cancel()
    await traffic.stop()
    streams.closeAll()
    engine.stop()
    await Promise.all([listener, controlListener, ...backends].map((each) => each.close()))
    files.remove()
  }

  return {
    hostId: scenario.host_id,
    name: scenario.name,
    url: listener.url,
    controlUrl: controlListener.url,
    nvidiaSmiPath: files.executable,
    gpuFile: files.stateFile,
    control,
    stop: () => (stopped ??= stopOnce()),
  }
}
