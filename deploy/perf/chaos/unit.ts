import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"
import type { Child } from "../../local/src/processes/child.ts"

export interface Span {
  fromMs: number
  toMs: number
}

/** A program that is killed, frozen and started again; what ends by itself is started again too, as a service would be. */
export interface Unit {
  readonly name: string
  start(): Promise<void>
  kill(): Promise<void>
  /** SIGSTOP to it and to its children, for so long. */
  freeze(ms: number): Promise<void>
  /** Asks it to end, and waits. */
  stop(): Promise<void>
  running(): boolean
  /** When it was not at work: dead, or frozen. */
  away(): Span[]
  /** When there was no process. */
  dead(): Span[]
  /** How often it ended without being told to, and how. */
  ownEnds(): readonly string[]
}

interface OpenSpan {
  fromMs: number
  toMs: number | null
}

function untilNow({ fromMs, toMs }: OpenSpan): Span {
  return { fromMs, toMs: toMs ?? Date.now() }
}

const RESTART_AFTER_MS = 1_000

export function createUnit(name: string, launch: () => Promise<Child>): Unit {
  let child: Child | null = null
  let wanted = false
  let starting: Promise<void> | null = null
  const deaths: OpenSpan[] = []
  const freezes: OpenSpan[] = []
  const ends: string[] = []
  let deadSince: OpenSpan | null = null

  function dead(): void {
    deadSince = { fromMs: Date.now(), toMs: null }
    deaths.push(deadSince)
  }

  async function launchUntilUp(): Promise<void> {
    for (;;) {
      if (!wanted) return
      try {
        const started = await launch()
        child = started
        if (deadSince) deadSince.toMs = Date.now()
        deadSince = null
        void started.exited.then((status) => ended(started, `code ${status.code} signal ${status.signal}`))
        return
      } catch (error) {
        ends.push(`could not start: ${error instanceof Error ? error.message : String(error)}`)
        await delay(RESTART_AFTER_MS)
      }
    }
  }

  function ended(which: Child, how: string): void {
    if (child !== which) return
    child = null
    dead()
    if (!wanted) return
    ends.push(how)
    void delay(RESTART_AFTER_MS).then(() => start())
  }

  function start(): Promise<void> {
    wanted = true
    if (child) return Promise.resolve()
    starting ??= launchUntilUp().finally(() => {
      starting = null
    })
    return starting
  }

  return {
    name,
    start,
    async kill() {
      wanted = false
      await starting
      const killed = child
      if (!killed) return
      killed.kill()
      await killed.exited
      // Its own listener may come later.
      ended(killed, "")
    },
    async freeze(ms) {
      const frozen = child
      if (!frozen) return
      const span: OpenSpan = { fromMs: Date.now(), toMs: null }
      freezes.push(span)
      const pids = [frozen.pid, ...childrenOf(frozen.pid)]
      for (const pid of pids) signal(pid, "SIGSTOP")
      await delay(ms)
      for (const pid of pids) signal(pid, "SIGCONT")
      span.toMs = Date.now()
    },
    async stop() {
      wanted = false
      await starting
      await child?.stop()
    },
    running: () => child !== null,
    away: () => [...deaths, ...freezes].map(untilNow),
    dead: () => deaths.map(untilNow),
    ownEnds: () => ends,
  }
}

function signal(pid: number, name: "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended meanwhile.
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent
      } catch {
        return false
      }
    })
}
