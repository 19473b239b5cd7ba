import type { Clock } from "../clock.ts"
import { createLlamaServer, type LlamaServer } from "../llama/server.ts"
import type { Random } from "../random.ts"
import type { ModelScenario } from "../scenario.ts"
import { createLogMonitor, type LogMonitor } from "./logs.ts"

/*
 * State      entered when                     leaves how
 * stopped    at first; process ended          a request needs it -> starting
 * starting   process spawned                  health check passes -> ready; process ends or is stopped -> stopped
 * ready      health check passed              unload, eviction, TTL -> stopping; process dies -> stopped
 * stopping   stop signal sent                 process ended -> stopped
 */
export type ModelState = "stopped" | "starting" | "ready" | "stopping"

export interface ModelProcess {
  readonly model: ModelScenario
  readonly llama: LlamaServer
  readonly log: LogMonitor
  readonly state: ModelState
  /** Share of the weights that are in memory: follows loading and unloading. */
  memoryShare(): number
  /** Requests being served; stopping or crashing aborts them. */
  readonly serving: Set<AbortController>
  lastRequestEndedAt: number
  proxyUrl: string
  /** The next start ends with the process, after half the time. */
  failNextStart: boolean
  start(): void
  stop(): void
  crash(): void
  /** Puts it there without the time in between. */
  force(state: ModelState): void
}

export interface ProcessParts {
  model: ModelScenario
  clock: Clock
  random: Random
  onState: (process: ModelProcess, before: ModelState, failure: string | null) => void
}

export function createModelProcess({ model, clock, random, onState }: ProcessParts): ModelProcess {
  const log = createLogMonitor()
  const llama = createLlamaServer({ model, clock, random, log: (line) => log.write(line) })
  const serving = new Set<AbortController>()
  let state: ModelState = "stopped"
  let changedAt = clock.now()
  let startTakesMs = 0
  let cancelTimer = () => {}

  function enter(next: ModelState, failure: string | null = null) {
    cancelTimer()
    cancelTimer = () => {}
    const before = state
    state = next
    changedAt = clock.now()
    if (before !== next) onState(self, before, failure)
  }

  function cutRequests() {
    for (const request of [...serving]) request.abort("process-gone")
  }

  const self: ModelProcess = {
    model,
    llama,
    log,
    serving,
    lastRequestEndedAt: 0,
    proxyUrl: "http://localhost:5800",
    failNextStart: false,
    get state() {
      return state
    },
    memoryShare() {
      if (state === "stopped") return 0
      if (state === "ready") return 1
      const span = state === "starting" ? startTakesMs : model.stop_s * 1000
      const share = Math.min(1, (clock.now() - changedAt) / Math.max(1, span))
      return state === "starting" ? share : 1 - share
    },
    start() {
      if (state !== "stopped") return
      const fails = self.failNextStart || random.chance(model.fail_start_chance)
      self.failNextStart = false
      startTakesMs = model.load_s * 1000 * random.noise(0.12)
      llama.reset()
      self.lastRequestEndedAt = 0
      enter("starting")
      log.write(startLines(model))
      cancelTimer = clock.after(fails ? startTakesMs / 2 : startTakesMs, () => {
        if (fails) {
          log.write(OUT_OF_MEMORY)
          enter("stopped", "upstream command exited prematurely: exit status 1")
        } else {
          log.write(
            "main: server is listening on http://127.0.0.1 - starting the main loop\nsrv  update_slots: all slots are idle\n",
          )
          enter("ready")
        }
      })
    },
    stop() {
      if (state === "stopped" || state === "stopping") return
      const wasStarting = state === "starting"
      cutRequests()
      enter("stopping")
      cancelTimer = clock.after(model.stop_s * 1000, () =>
        enter("stopped", wasStarting ? "process stopped before it was ready" : null),
      )
    },
    crash() {
      if (state === "stopped") return
      log.write("CUDA error: an illegal memory access was encountered\n")
      enter("stopped", "upstream command exited prematurely: signal: aborted (core dumped)")
      cutRequests()
    },
    force(next) {
      if (next === "ready") {
        llama.reset()
        self.lastRequestEndedAt = clock.now()
      }
      enter(next)
      if (next === "stopped") cutRequests()
    },
  }
  return self
}

const OUT_OF_MEMORY =
  "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 21504.00 MiB on device 0: cudaMalloc failed: out of memory\nllama_model_load: error loading model: unable to allocate CUDA0 buffer\nsrv    load_model: failed to load model\nmain: exiting due to model loading error\n"

function startLines(model: ModelScenario): string {
  return [
    "main: setting up the server",
    `srv    load_model: loading model '/models/${model.file}'`,
    `llama_model_loader: loaded meta data with 39 key-value pairs and 579 tensors from /models/${model.file} (version GGUF V3 (latest))`,
    `load_tensors: offloaded 49/49 layers to GPU`,
    `llama_context: n_ctx         = ${model.context}`,
    `srv          init: initializing slots, n_slots = ${model.slots}`,
    "",
  ].join("\n")
}
