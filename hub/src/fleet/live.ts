import type { CommittedActivity } from "@boocontrol/shared/activity"
import type { Envelope } from "@boocontrol/shared/envelope"
import type { HostRow } from "@boocontrol/shared/hosts"
import type { HostId } from "@boocontrol/shared/ids"
import type { ModelTransition } from "@boocontrol/shared/models"
import { instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import { unreachable } from "@boocontrol/shared/unreachable"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Board } from "./board.ts"
import type { HostEvent, HostStep, Sender } from "./core.ts"
import { factsOf } from "./facts.ts"
import type { FleetOutput, RegistryPort } from "./ports.ts"
import { rateWindow } from "./rates.ts"
import type { RateWindow } from "./rates.ts"
import type { RecallModels } from "./recall.ts"
import type { Preferences } from "./shown-models.ts"

const TICK_MS = 1_000
const RATES_EVERY_TICKS = 5
const NO_PREFERENCES: Preferences = new Map()

export interface Refused {
  instance: Sender["instance"]
  holder: string
  since: Instant
}

export interface LiveOptions {
  board: Board
  registry: RegistryPort
  output: FleetOutput
  recall: RecallModels
  /** Tells a sidecar that another holds its host id. */
  refuse: (host: HostId, refused: Refused) => void
  clock: Clock
  log: Log
}

export interface Live {
  envelope(envelope: Envelope): void
  committed(activity: CommittedActivity): void
  rejected(host: HostId, reason: string): void
  registryChanged(id: HostId, row: HostRow | null): void
  transitions(host: HostId, transitions: readonly ModelTransition[]): void
  /** This hub did not hear for a while: what hosts listed meanwhile is in the stream. */
  lookAgain(): void
  tick(): void
}

/** What is heard, applied to the board and passed on in the same turn: nothing here waits for anything. */
export function createLive({ board, registry, output, recall, refuse, clock, log }: LiveOptions): Live {
  const startedMs = clock.now()
  const windows = new Map<HostId, RateWindow>()
  const recalling = new Set<HostId>()
  let ticks = 0

  const windowOf = (id: HostId): RateWindow => {
    const window = windows.get(id) ?? rateWindow(startedMs)
    windows.set(id, window)
    return window
  }

  const ensureKnown = (id: HostId): void => {
    if (board.get(id)) return
    board.add({ row: unregistered(id, clock.now()), prefs: NO_PREFERENCES, last: null }, clock.now())
    register(id, null)
  }

  const register = (id: HostId, facts: Parameters<RegistryPort["ensureHost"]>[1]): void => {
    registry.ensureHost(id, facts).catch((error: unknown) => {
      log.warn({ host: id, err: error }, "a host could not be registered, trying again when it speaks")
    })
  }

  const apply = (envelope: Envelope, event: HostEvent): HostStep | null => {
    const id = envelope.host
    const stepped = board.apply(id, event, { nowMs: clock.now(), eventAt: envelope.at })
    if (stepped?.refuse) {
      const holder = board.get(id)
      const since = instantOf(holder?.presenceAtMs ?? clock.now())
      refuse(id, { instance: stepped.refuse, holder: holder?.holder?.instance ?? "unknown", since })
    }
    if (stepped?.recallModels === true) look(id)
    return stepped
  }

  const look = (id: HostId): void => {
    if (recalling.has(id)) return
    recalling.add(id)
    recall(id)
      .then((envelope) => {
        if (!envelope) return
        const { instance, boot, seq, data } = envelope
        const event: HostEvent = {
          ...{ kind: "models", from: { instance, boot }, seq: seq ?? 0, models: data.models },
        }
        board.apply(id, event, { nowMs: clock.now(), eventAt: null })
      })
      .catch((error: unknown) => log.debug({ host: id, err: error }, "the last list of models was not found"))
      .finally(() => recalling.delete(id))
  }

  return {
    envelope(envelope) {
      const { host: id, instance, boot, at } = envelope
      const from = { instance, boot }
      ensureKnown(id)
      switch (envelope.kind) {
        case "presence": {
          const stepped = apply(envelope, { kind: "presence", from, data: envelope.data })
          if (stepped?.heeded === true) register(id, factsOf(envelope.data))
          return
        }
        case "models": {
          const { models, transitions } = envelope.data
          const event: HostEvent = { kind: "models", from, seq: envelope.seq ?? 0, models }
          if (apply(envelope, event)?.heeded === true) windowOf(id).transitions(transitions)
          return
        }
        case "inflight":
          return void apply(envelope, { kind: "inflight", from, data: envelope.data })
        case "live": {
          const { sample } = envelope.data
          if (apply(envelope, { kind: "live", from, sample })?.heeded !== true) return
          const now = instantOf(clock.now())
          return output.perf({
            ...{ type: "control_perf", provider_id: id, seq: board.seqOf(id), at: now, event_at: at },
            samples: [sample],
          })
        }
        case "log":
          if (apply(envelope, { kind: "spoke", from })?.heeded === true)
            output.log(id, envelope.data, envelope.at)
          return
        case "activity":
        case "note":
        case "result":
        case "perf":
          return void apply(envelope, { kind: "spoke", from })
        default:
          return unreachable(envelope)
      }
    },
    committed({ provider_id: id, rows, event_at }) {
      const nowMs = clock.now()
      windowOf(id).requests(rows, nowMs)
      output.activity({
        ...{
          type: "control_activity",
          provider_id: id,
          seq: board.seqOf(id),
          at: instantOf(nowMs),
          event_at,
        },
        rows,
      })
    },
    rejected(id, reason) {
      board.apply(id, { kind: "rejected", reason }, { nowMs: clock.now(), eventAt: null })
    },
    registryChanged(id, row) {
      const nowMs = clock.now()
      if (row === null) {
        board.remove(id, nowMs)
        windows.delete(id)
      } else if (board.get(id)) board.apply(id, { kind: "registered", row }, { nowMs, eventAt: null })
      else board.add({ row, prefs: NO_PREFERENCES, last: null }, nowMs)
    },
    transitions: (id, transitions) => windowOf(id).transitions(transitions),
    lookAgain: () => board.ids().forEach(look),
    tick() {
      const nowMs = clock.now()
      const cause = { nowMs, eventAt: null }
      ticks += 1
      for (const [index, id] of board.ids().entries()) {
        board.apply(id, { kind: "tick" }, cause)
        // A fifth of the hosts each second: all at once would hold up everything that is heard meanwhile.
        if ((ticks + index) % RATES_EVERY_TICKS !== 0) continue
        const rates = windowOf(id).read(nowMs)
        if (rates) board.apply(id, { kind: "rated", rates }, cause)
      }
    },
  }
}

export { TICK_MS }

/** A host that speaks before the registry knows it: shown at once, registered meanwhile. */
function unregistered(id: HostId, nowMs: number): HostRow {
  return {
    ...{ provider_id: id, display_name: id, os: null, gpu_label: null, tags: [], enabled: true },
    ...{ simulated: false, advertise_url: null, created_at: instantOf(nowMs), last_seen_at: null },
  }
}
