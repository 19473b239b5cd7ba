import type { Clock } from "../clock.ts"
import { createLlamaServer, type LlamaServer } from "../llama/server.ts"
import { createLlamaLog } from "../llama/log-lines.ts"
import type { Random } from "../random.ts"
import type { ModelScenario } from "../scenario.ts"
import { createLogMonitor, type LogMonitor } from "./logs.ts"

/** llama-swap's own graceful timeout: after it, whatever still runs is killed. */
const UNLOAD_TIMEOUT_MS = 10_000

/*
 * State      entered when                     leaves how
 * stopped    at first; process ended          a request needs it -> starting
 * starting   process spawned                  health check passes -> ready; process ends or start called off -> stopped
 * ready      health check passed              unload, eviction, TTL -> stopping; process dies -> stopped
 * stopping   stop signal sent                 process ended, or killed with its requests after 10 s -> stopped
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
  /** The next request meets a connection that the server just closed. */
  failNextRequest: boolean
  start(): void
  /** A busy one is killed after the grace time. */
  stop(graceMs?: number): void
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
  const lines = createLlamaLog({ clock, random, write: (chunk) => log.write(chunk) })
  const llama = createLlamaServer({ model, clock, random, log: lines })
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
    failNextRequest: false,
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
      lines.started()
      enter("starting")
      lines.loading(model)
      cancelTimer = clock.after(fails ? startTakesMs / 2 : startTakesMs, () => {
        if (fails) {
          lines.failedToLoad()
          enter("stopped", "upstream command exited prematurely")
        } else {
          lines.loaded()
          enter("ready")
        }
      })
    },
    stop(graceMs = UNLOAD_TIMEOUT_MS) {
      if (state === "stopped" || state === "stopping") return
      // A start that is called off was not a failure of the process, and there is nothing to wait for.
      if (state === "starting") return enter("stopped", "aborted")
      enter("stopping")
      const end = () => {
        cutRequests()
        enter("stopped")
      }
      if (serving.size === 0) {
        cancelTimer = clock.after(model.stop_s * 1000, end)
        return
      }
      // A busy llama-server falls silent at the stop signal and does not go while a request is open.
      llama.freeze()
      if (graceMs > 0) cancelTimer = clock.after(graceMs, end)
      else end()
    },
    crash() {
      if (state === "stopped") return
      const starting = state === "starting"
      log.write("CUDA error: an illegal memory access was encountered\n")
      enter("stopped", starting ? "upstream command exited prematurely" : "exited unexpectedly")
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
