import type { Liveness } from "@boocontrol/shared/hosts"
import type { Clock } from "../platform/clock.ts"
import type { EngineHttp, HttpStream } from "./http.ts"
import { EngineProblem, problemOf, unauthorized } from "./problems.ts"
import { FIRST_LINK, mayTryAtOnce, reconnectDecision } from "./reconnect.ts"
import type { Link, LinkEvent } from "./reconnect.ts"
import { createVigil } from "./vigil.ts"

const EVENTS_PATH = "/api/events"
/** Not written to the engine's access log, so it may be asked often. */
const HEALTH_PATH = "/wol-health"
const HEALTH_EVERY_MS = 5_000
const HEALTH_TIMEOUT_MS = 4_000
/** One lost answer is a busy host; three are a dead one, and the stream's silence says nothing about it. */
const HEALTH_FAILURES = 3
const OPEN_TIMEOUT_MS = 10_000

/** `ended`: by the engine, in order. `cut`: the connection broke. `silent`: we gave it up. */
export type StreamEnd = "ended" | "cut" | "silent"

export interface LinkHooks<P> {
  /** Asks what the engine can do; rejects when it cannot be used. */
  probe(): Promise<P>
  /** `unseenLife`: an engine may have come and gone since the last stream ended. */
  opened(probe: P, unseenLife: boolean): void
  bytes(chunk: Buffer): void
  closed(how: StreamEnd): void
  /** Liveness or problem changed. */
  changed(state: { liveness: Liveness; problem: EngineProblem | null }): void
  /** Something answered. */
  heard(): void
}

export interface EngineLink {
  start(): void
  stop(): Promise<void>
}

export interface LinkOptions<P> {
  http: EngineHttp
  url: string
  hasKey: boolean
  clock: Clock
  random: () => number
  hooks: LinkHooks<P>
}

/** Keeps one event stream open for ever: `reconnect.ts` says when, this does it. */
export function createLink<P>({ http, url, hasKey, clock, random, hooks }: LinkOptions<P>): EngineLink {
  const stopping = new AbortController()
  let running: Promise<void> | null = null
  let link: Link = FIRST_LINK
  let stream: HttpStream | null = null
  /** Aborted when the engine is back before its next try is due. */
  let early = new AbortController()
  const vigil = createVigil({
    ...{ http, path: EVENTS_PATH, clock },
    back(goneMs) {
      if (mayTryAtOnce(link, goneMs)) early.abort()
    },
  })

  function apply(event: LinkEvent, problem: EngineProblem | null): number | null {
    const step = reconnectDecision(link, event, random())
    link = step.link
    hooks.changed({ liveness: link.liveness, problem })
    return step.waitMs
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      vigil.begin()
      early = new AbortController()
      const { event, problem } = await attempt()
      vigil.begin()
      if (stopping.signal.aborted) break
      await clock.sleep(apply(event, problem) ?? 0, AbortSignal.any([stopping.signal, early.signal]))
    }
    vigil.stop()
  }

  async function attempt(): Promise<{ event: LinkEvent; problem: EngineProblem | null }> {
    try {
      const probe = await hooks.probe()
      stream = await open()
      if (stopping.signal.aborted) return { event: { kind: "failed" }, problem: null }
      const openedAtMs = clock.now()
      hooks.heard()
      apply({ kind: "opened" }, null)
      hooks.opened(probe, vigil.end())
      hooks.closed(await follow(stream))
      return { event: { kind: "lost", livedMs: clock.now() - openedAtMs }, problem: null }
    } catch (error) {
      vigil.failed()
      const problem = problemOf(error, url)
      return { event: { kind: problem.code === "ENGINE_UNAUTHORIZED" ? "refused" : "failed" }, problem }
    } finally {
      stream?.close()
      stream = null
    }
  }

  async function open(): Promise<HttpStream> {
    const opened = await http.stream(EVENTS_PATH, OPEN_TIMEOUT_MS)
    if (opened.status === 200) return opened
    opened.close()
    if (opened.status === 401) throw unauthorized(url, hasKey)
    throw new EngineProblem(
      "ENGINE_FAILING",
      `llama-swap at ${url} answers /api/events with ${opened.status}`,
    )
  }

  async function follow(opened: HttpStream): Promise<StreamEnd> {
    const watching = new AbortController()
    let silent = false
    const watch = watchHealth(watching.signal, () => {
      silent = true
      opened.close()
    })
    try {
      for await (const chunk of opened.chunks) {
        hooks.heard()
        hooks.bytes(chunk)
      }
      return silent ? "silent" : "ended"
    } catch {
      return silent || stopping.signal.aborted ? "silent" : "cut"
    } finally {
      watching.abort()
      await watch
    }
  }

  async function watchHealth(signal: AbortSignal, onDead: () => void): Promise<void> {
    let failures = 0
    for (;;) {
      await clock.sleep(HEALTH_EVERY_MS, signal)
      if (signal.aborted) return
      try {
        await http.call(HEALTH_PATH, { timeoutMs: HEALTH_TIMEOUT_MS, signal })
        failures = 0
        hooks.heard()
      } catch {
        failures += 1
        if (failures >= HEALTH_FAILURES) return onDead()
      }
    }
  }

  return {
    start() {
      running ??= run()
    },
    async stop() {
      stopping.abort()
      stream?.close()
      await running
    },
  }
}
