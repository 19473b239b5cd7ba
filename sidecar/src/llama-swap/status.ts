import type { EngineStatus, Liveness } from "@boocontrol/shared/hosts"
import { instantOf } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import type { EngineSink } from "../ports.ts"
import type { EngineProblem } from "./problems.ts"
import type { Probe } from "./probe.ts"

export interface StatusBoard {
  current(): EngineStatus
  /** The engine answered or sent something. */
  heard(): void
  probed(probe: Probe): void
  /** Something that only shows while it talks. Told anew after each connect. */
  lacks(what: string): void
  link(state: { liveness: Liveness; problem: EngineProblem | null }): void
}

/** Keeps what is known of the engine itself, and tells of each change; the passing of time alone is none. */
export function createStatusBoard(sink: Pick<EngineSink, "status" | "note">, clock: Clock): StatusBoard {
  let seenAtMs: number | null = null
  let status: Omit<EngineStatus, "last_seen_at"> = {
    kind: "llama-swap",
    version: null,
    era: null,
    liveness: "reconnecting",
    problem: null,
    lacks: [],
  }

  function current(): EngineStatus {
    return { ...status, last_seen_at: seenAtMs === null ? null : instantOf(seenAtMs) }
  }

  function change(next: Partial<typeof status>): void {
    const before = JSON.stringify(status)
    status = { ...status, ...next }
    if (JSON.stringify(status) !== before) sink.status(current())
  }

  return {
    current,
    heard() {
      seenAtMs = clock.now()
    },
    probed({ era, version, lacks }) {
      change({ era, version, lacks: [...lacks] })
    },
    lacks(what) {
      if (!status.lacks.includes(what)) change({ lacks: [...status.lacks, what] })
    },
    link({ liveness, problem }) {
      const before = status
      const now = instantOf(clock.now())
      // The same problem goes on: its beginning stays.
      const since = problem && before.problem?.code === problem.code ? before.problem.since : now
      const said = problem && { code: problem.code, message: problem.message, since }
      change({ liveness, problem: said ?? (liveness === "connected" ? null : before.problem) })
      if (liveness === before.liveness || liveness === "reconnecting") return
      const detail =
        liveness === "connected"
          ? { era: status.era, version: status.version }
          : { reason: said?.message ?? null, last_seen_at: current().last_seen_at }
      sink.note({ note: liveness === "connected" ? "engine_connected" : "engine_down", ts: now, detail })
    },
  }
}
