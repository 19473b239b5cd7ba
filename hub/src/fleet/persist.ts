import { epochMsOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import type { FleetHost, FleetPatch } from "@boocontrol/shared/fleet"
import type { FleetDeltaFrame } from "@boocontrol/shared/frames"
import type { HostId } from "@boocontrol/shared/ids"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Board } from "./board.ts"
import type { HostState } from "./core.ts"
import type { RegistryPort } from "./ports.ts"
import type { LastKnownStore } from "./store/last-known.ts"

const SAVE_EVERY_MS = 3_000
/** A hub that dies loses at most so much of `last_seen_at`; a shorter time only writes the registry more often. */
const SEEN_EVERY_MS = 15_000

/** Written at once. All of a thousand hosts in one statement would hold up everything that is heard meanwhile. */
const HOSTS_AT_ONCE = 50

/** What a new hub counts or hears anew, and what is not written: a change of these alone is no reason to write. */
const PASSING: ReadonlySet<keyof FleetHost> = new Set(["rates", "inflight", "inflight_total", "sample"])

export interface Persist {
  /** Notes what a change touched. */
  changed(delta: FleetDeltaFrame): void
  start(): void
  /** Writes what is left. */
  stop(): Promise<void>
}

export interface PersistOptions {
  board: Board
  store: Pick<LastKnownStore, "saveStates" | "saveModels" | "forget">
  registry: Pick<RegistryPort, "seen">
  clock: Clock
  log: Log
}

/** Writes the live state behind itself, in batches of what changed. Nothing live waits for it. */
export function createPersist({ board, store, registry, clock, log }: PersistOptions): Persist {
  const states = new Set<HostId>()
  const models = new Set<HostId>()
  const removed = new Set<HostId>()
  const seenAt = new Map<HostId, Instant>()
  let running: Promise<void> | null = null
  let end: (() => void) | null = null

  const hostsOf = (ids: Iterable<HostId>): HostState[] =>
    [...ids].flatMap((id) => {
      const host = board.get(id)
      return host ? [host] : []
    })

  const save = async (isLast: boolean): Promise<void> => {
    const batch = { states: new Set(states), models: new Set(models), removed: new Set(removed) }
    for (const set of [states, models, removed]) set.clear()
    try {
      for (const id of batch.removed) await store.forget(id)
      for (const part of partsOf(batch.states)) await store.saveStates(hostsOf(part))
      for (const part of partsOf(batch.models)) await store.saveModels(hostsOf(part))
      await saveSeen(hostsOf(batch.states), isLast)
    } catch (error) {
      // Kept for the next round: with Postgres away, what is live goes on.
      for (const id of batch.states) states.add(id)
      for (const id of batch.models) models.add(id)
      for (const id of batch.removed) removed.add(id)
      log.warn({ err: error }, "the last known state was not saved, trying again")
    }
  }

  const saveSeen = async (hosts: readonly HostState[], isLast: boolean): Promise<void> => {
    const due = hosts.flatMap(({ shown: { provider_id: id, last_seen_at: at } }) => {
      const before = seenAt.get(id)
      const isDue =
        before === undefined || (at !== null && epochMsOf(at) - epochMsOf(before) >= SEEN_EVERY_MS)
      return at !== null && at !== before && (isDue || isLast) ? [{ id, at }] : []
    })
    if (due.length === 0) return
    await registry.seen(due)
    for (const { id, at } of due) seenAt.set(id, at)
  }

  const round = (): void => {
    if (states.size + models.size + removed.size === 0) return
    running ??= save(false).finally(() => (running = null))
  }

  return {
    changed({ provider_id: id, patch, removed: isRemoved, full }) {
      if (isRemoved === true) return void removed.add(id)
      if (keysOf(patch).some((key) => !PASSING.has(key))) states.add(id)
      if (patch.models !== undefined && full !== true) models.add(id)
    },
    start() {
      end ??= clock.every(SAVE_EVERY_MS, round)
    },
    async stop() {
      end?.()
      end = null
      await running
      await save(true)
    },
  }
}

function partsOf(ids: ReadonlySet<HostId>): HostId[][] {
  const all = [...ids]
  const starts = Array.from({ length: Math.ceil(all.length / HOSTS_AT_ONCE) }, (_, n) => n * HOSTS_AT_ONCE)
  return starts.map((start) => all.slice(start, start + HOSTS_AT_ONCE))
}

function keysOf(patch: FleetPatch): (keyof FleetPatch)[] {
  return Object.keys(patch) as (keyof FleetPatch)[]
}
