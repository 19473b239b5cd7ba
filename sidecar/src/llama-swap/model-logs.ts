import type { Clock } from "../platform/clock.ts"
import type { EngineHttp, HttpStream } from "./http.ts"
import { pathOfModel } from "./models.ts"

export interface ModelLogHooks {
  /** Everything the engine still has of a model, once for each time its stream is opened. */
  history(model: string, text: string): void
  text(model: string, text: string): void
  /** Whether this engine has a stream per model. */
  supported(isSupported: boolean): void
}

export interface ModelLogs {
  /** The models that run now. */
  running(models: readonly string[]): void
  /** The connection to the engine is gone. */
  ended(): void
  stop(): Promise<void>
}

/** llama-swap sends no headers before the first line: a model that has not written yet is asked again. */
const OPEN_TIMEOUT_MS = 60_000
/** The history comes at once and in pieces; what comes after a pause is written now. */
const HISTORY_QUIET_MS = 100
/** More than an engine keeps: a model that never stops to write has no such pause. */
const HISTORY_CHARS = 256 * 1024
const RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000
/** A process writes its last lines while it ends. */
const LINGER_MS = 3_000
/** llama-swap's own logs under the same path. */
const NOT_MODELS: ReadonlySet<string> = new Set(["proxy", "upstream"])

interface Follower {
  readonly ending: AbortController
  readonly done: Promise<void>
  cancelLinger: (() => void) | null
}

/**
 * Reads `/logs/stream/<model>` of every model that runs, since the mixed stream does not say who wrote a line. It
 * is a reading call: it loads no model and does not count as a use of one.
 */
export function createModelLogs({
  http,
  clock,
  hooks,
}: {
  http: Pick<EngineHttp, "stream">
  clock: Clock
  hooks: ModelLogHooks
}): ModelLogs {
  const followers = new Map<string, Follower>()
  const ended = new Set<Promise<void>>()
  let isSupported: boolean | null = null

  function decide(is: boolean): void {
    if (isSupported !== null) return
    isSupported = is
    hooks.supported(is)
    if (!is) endAll()
  }

  async function follow(model: string, signal: AbortSignal): Promise<void> {
    let waitMs = RETRY_MS
    while (!signal.aborted) {
      try {
        const stream = await http.stream(`/logs/stream/${pathOfModel(model)}`, OPEN_TIMEOUT_MS, signal)
        if (signal.aborted || stream.status !== 200) {
          stream.close()
          // Unknown to this engine, or to this model's configuration since a reload.
          if (stream.status === 400 || stream.status === 404) return decide(false)
        } else {
          decide(true)
          waitMs = RETRY_MS
          await read(model, stream, signal)
        }
      } catch {
        // The engine is asked again; if it is gone, its event stream says so.
      }
      await clock.sleep(waitMs, signal)
      waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)
    }
  }

  async function read(model: string, stream: HttpStream, signal: AbortSignal): Promise<void> {
    const decoder = new TextDecoder()
    let history: string | null = ""
    let cancelQuiet: (() => void) | null = null
    const endHistory = () => {
      cancelQuiet?.()
      if (history !== null && !signal.aborted) hooks.history(model, history)
      history = null
    }
    const awaitQuiet = () => {
      cancelQuiet?.()
      cancelQuiet = clock.setTimeout(endHistory, HISTORY_QUIET_MS)
    }
    const close = () => stream.close()
    signal.addEventListener("abort", close, { once: true })
    awaitQuiet()
    try {
      for await (const chunk of stream.chunks) {
        const text = decoder.decode(chunk, { stream: true })
        if (history === null) hooks.text(model, text)
        else {
          history += text
          if (history.length > HISTORY_CHARS) endHistory()
          else awaitQuiet()
        }
      }
    } finally {
      endHistory()
      signal.removeEventListener("abort", close)
    }
  }

  function begin(model: string): void {
    const ending = new AbortController()
    const follower = { ending, done: follow(model, ending.signal), cancelLinger: null }
    followers.set(model, follower)
  }

  function end(model: string): void {
    const follower = followers.get(model)
    if (!follower) return
    followers.delete(model)
    follower.cancelLinger?.()
    follower.ending.abort()
    ended.add(follower.done)
    void follower.done.finally(() => ended.delete(follower.done))
  }

  function endAll(): void {
    for (const model of followers.keys()) end(model)
  }

  return {
    running(models) {
      if (isSupported === false) return
      for (const [model, follower] of followers) {
        if (!models.includes(model)) follower.cancelLinger ??= clock.setTimeout(() => end(model), LINGER_MS)
        else {
          follower.cancelLinger?.()
          follower.cancelLinger = null
        }
      }
      for (const model of models) if (!followers.has(model) && !NOT_MODELS.has(model)) begin(model)
    },
    ended() {
      endAll()
      isSupported = null
    },
    async stop() {
      endAll()
      await Promise.all(ended)
    },
  }
}
