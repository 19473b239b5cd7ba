import type { ActivityData, InflightData, ObservedRequest } from "@boocontrol/shared/activity"
import type { EngineStatus } from "@boocontrol/shared/hosts"
import type { LogData } from "@boocontrol/shared/logs"
import type { ModelsData } from "@boocontrol/shared/models"
import type { NoteData } from "@boocontrol/shared/notes"
import type { ResumeReply } from "@boocontrol/shared/resume"
import { systemClock } from "../../platform/clock.ts"
import type { Clock } from "../../platform/clock.ts"
import type { ActivityCursor, EngineSink } from "../../ports.ts"
import { createLlamaSwapConnector } from "../index.ts"
import type { LlamaSwapConnector } from "../index.ts"

/** What a hub keeps of one host: the disk that outlives a sidecar, and the rows it merged. */
export interface Memory {
  cursor: ActivityCursor | null
  hub: ResumeReply["row"]
  hubAnswers: boolean
}

export const emptyMemory = (): Memory => ({ cursor: null, hub: null, hubAnswers: true })

/** Everything a connector told, in order. */
export interface Told {
  statuses: EngineStatus[]
  models: ModelsData[]
  inflight: InflightData[]
  logs: LogData[]
  notes: NoteData[]
  activity: ActivityData[]
}

export interface Rig {
  told: Told
  connector: LlamaSwapConnector
  rows(): ObservedRequest[]
  notes(kind: string): NoteData[]
  stateOf(model: string): string | null | undefined
  /** Resolves when `check` holds; looks again whenever something is told. Rejects when it never does. */
  until(what: string, check: () => boolean, timeoutMs?: number): Promise<void>
  stop(): Promise<void>
}

export interface RigOptions {
  apiKey?: string
  memory?: Memory
  remote?: boolean
  /** How much faster than real time the connector's waits pass. */
  speed?: number
  /** In place of real time. */
  clock?: Clock
}

/** A connector on a real address, with everything around it recorded. */
export function startRig(url: string, options: RigOptions = {}): Rig {
  const memory = options.memory ?? emptyMemory()
  const told: Told = { statuses: [], models: [], inflight: [], logs: [], notes: [], activity: [] }
  const watchers = new Set<() => void>()
  const saw = <T>(list: T[], value: T) => {
    list.push(value)
    for (const watcher of watchers) watcher()
  }
  const sink: EngineSink = {
    status: (status) => saw(told.statuses, status),
    models: (data) => saw(told.models, data),
    inflight: (data) => saw(told.inflight, data),
    log: (data) => saw(told.logs, data),
    note: (data) => saw(told.notes, data),
    activity(data) {
      const newest = data.rows.at(-1)
      if (newest) memory.hub = newest
      saw(told.activity, data)
      return Promise.resolve()
    },
  }
  const connector = createLlamaSwapConnector({
    url,
    apiKey: options.apiKey ?? null,
    sink,
    cursors: {
      load: () => Promise.resolve(memory.cursor),
      save(cursor) {
        memory.cursor = cursor
        return Promise.resolve()
      },
    },
    resume: {
      ask: () => Promise.resolve(memory.hubAnswers ? { v: 1, row: memory.hub, sample_ts: null } : null),
    },
    gpuMemory: { usedMib: () => null, processes: () => [] },
    clock: options.clock ?? hurried(options.speed ?? 20),
    random: () => 0,
    remote: options.remote ?? false,
    log: () => {},
    version: "0.0.0",
  })
  connector.start()

  return {
    told,
    connector,
    rows: () => told.activity.flatMap(({ rows }) => rows),
    notes: (kind) => told.notes.filter(({ note }) => note === kind),
    stateOf: (model) => told.models.at(-1)?.models.find(({ id }) => id === model)?.state,
    until: (what, check, timeoutMs = 10_000) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (check()) finish(resolve)
        }
        const finish = (end: () => void) => {
          clearTimeout(timer)
          clearInterval(slow)
          watchers.delete(look)
          end()
        }
        const timer = setTimeout(() => {
          const newest = JSON.stringify({
            notes: told.notes,
            rows: told.activity.length,
            status: connector.status(),
          })
          finish(() => reject(new Error(`it never came to: ${what}; ${newest}`)))
        }, timeoutMs)
        // Some things show on the engine's side only, where nothing is told.
        const slow = setInterval(look, 50)
        watchers.add(look)
        look()
      }),
    stop: () => connector.stop(),
  }
}

/** Real time, but waits are shorter: reconnects and time-outs need not be sat through. */
function hurried(speed: number): Clock {
  const clock = systemClock()
  return {
    now: () => clock.now(),
    setTimeout: (fn, ms) => clock.setTimeout(fn, ms / speed),
    sleep: (ms, signal) => clock.sleep(ms / speed, signal),
  }
}

/** The hub's rule: a row of a new epoch that equals a stored one is that row. */
export function identitiesOf(rows: readonly ObservedRequest[]): Set<string> {
  return new Set(
    rows.map(({ swap_entry_id: id, ts, model, duration_ms: duration, output_tokens: output }) =>
      JSON.stringify([id, ts, model, duration, output]),
    ),
  )
}
