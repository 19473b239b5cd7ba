import { ModelActionDone } from "@boocontrol/shared/commands"
import { HostId } from "@boocontrol/shared/ids"
import type { HubId } from "@boocontrol/shared/ids"
import { sleep } from "../platform/clock.ts"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { waitOf, whyNot } from "./core.ts"
import type { ActedCommandsPort, ActedHostsPort, ActedLeasesPort, CommandOutcome } from "./ports.ts"
import { ACTIONS_CHANNEL, requestOf } from "./store.ts"
import type { ActionsStore, StoredAction } from "./store.ts"

export interface ActionsRunOptions {
  sql: Sql
  store: ActionsStore
  hosts: ActedHostsPort
  leases: ActedLeasesPort
  commands: ActedCommandsPort
  hubId: HubId
  clock: Clock
  log: Log
}

export interface ActionsRun {
  /** Does one that is running, whoever put it there, and writes down how it ended. */
  perform(action: StoredAction, resumed: boolean): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

const SWEEP_EVERY_MS = 2_000
const KEEP_UP_EVERY_MS = 3_000
/** A host that restarts says what became of a command; one that stays away so long will not. */
const AWAY_FOR_MS = 60_000
/** Those that ended are shown for a minute. */
const SHOW_ENDED_MS = 61_000

/** Takes what is next on each host and has it done, one at a time; every hub looks, and one of them gets it. */
export function createActionsRun(options: ActionsRunOptions): ActionsRun {
  const { sql, store, hosts, leases, commands, hubId, clock, log } = options
  const busy = new Map<HostId, { again: boolean; done: Promise<void> }>()
  const showing = new Map<HostId, { again: boolean }>()
  const working = new Set<Promise<void>>()
  const stopping = new AbortController()
  const ends: (() => unknown)[] = []
  const hides = new Map<HostId, () => void>()

  const show = async (host: HostId): Promise<void> => {
    const running = showing.get(host)
    if (running) return void (running.again = true)
    const mine = { again: true }
    showing.set(host, mine)
    try {
      while (mine.again) {
        mine.again = false
        const actions = await store.shown(host)
        hosts.acted(host, actions)
        hides.get(host)?.()
        hides.delete(host)
        if (actions.some(({ ended_at }) => ended_at !== null))
          hides.set(
            host,
            clock.setTimeout(() => void show(host), SHOW_ENDED_MS),
          )
      }
    } catch (error) {
      log.warn({ err: error, host }, "a queue of actions was not read")
    } finally {
      showing.delete(host)
    }
  }

  /** What the host says, or why nothing more is to be expected of it. */
  const outcomeOf = async (action: StoredAction): Promise<CommandOutcome | { lost: string } | null> => {
    const request = requestOf(action)
    if (!request) return { lost: "this hub does not know that action" }
    const { action: verb, ...args } = request
    const over = new AbortController()
    const { lease_id, fencing_token: token } = action
    const lease = token === null ? null : { lease_id: lease_id ?? "takeover", fencing_token: token }
    const asked = commands.run(action.provider_id, verb, {
      ...{ id: action.action_id, waitMs: waitOf(request), lease },
      args,
    })
    const watched = async (): Promise<{ lost: string } | null> => {
      let awaySinceMs: number | null = null
      const signal = AbortSignal.any([over.signal, stopping.signal])
      for (;;) {
        await sleep(clock, KEEP_UP_EVERY_MS, signal)
        if (signal.aborted) return null
        if (verb !== "cancel" && !(await store.keepUp(action.action_id, hubId).catch(() => true))) return null
        const isAway = (hosts.find(action.provider_id)?.liveness ?? "down") === "down"
        awaySinceMs = isAway ? (awaySinceMs ?? clock.now()) : null
        if (awaySinceMs !== null && clock.now() - awaySinceMs >= AWAY_FOR_MS)
          return { lost: "the host went away while it was done: what came of it is not known" }
      }
    }
    try {
      return await Promise.race([asked, watched()])
    } finally {
      over.abort()
    }
  }

  const perform = async (action: StoredAction, resumed: boolean): Promise<void> => {
    const { action_id: id, provider_id: host } = action
    const request = requestOf(action)
    const who = { holder: await leases.holderOf(host), actingUnder: action.lease_id }
    // Only at its first turn: one that another hub had begun may be done by now, and its host knows.
    const reason = request && !resumed ? whyNot(hosts.find(host), request, who) : null
    if (reason !== null) return await store.end(id, "skipped", { reason, took_ms: null })
    const outcome = await outcomeOf(action)
    // Another hub has it, or this one ends: whoever goes on asks the host again under the same id.
    if (outcome === null) return
    if ("lost" in outcome) return await store.end(id, "failed", { reason: outcome.lost, took_ms: null })
    const took_ms = ModelActionDone.safeParse(outcome.data).data?.took_ms ?? null
    if (outcome.ok) return await store.end(id, "done", { reason: null, took_ms })
    await store.end(id, "failed", { reason: outcome.refusal?.message ?? "no reason given", took_ms: null })
  }

  const tracked = async (work: Promise<void>): Promise<void> => {
    working.add(work)
    await work.finally(() => working.delete(work))
  }

  /** Empties a host's queue as far as this hub gets it. */
  const drain = (host: HostId): void => {
    const running = busy.get(host)
    if (running) return void (running.again = true)
    const mine = { again: true, done: Promise.resolve() }
    busy.set(host, mine)
    mine.done = (async () => {
      try {
        while (mine.again && !stopping.signal.aborted) {
          mine.again = false
          const next = await store.claim(host, hubId)
          if (!next) continue
          mine.again = true
          await tracked(perform(next.action, next.resumed))
        }
      } catch (error) {
        log.warn({ err: error, host }, "an action was not carried on, trying again")
      } finally {
        busy.delete(host)
      }
    })()
  }

  const sweep = async (): Promise<void> => {
    try {
      for (const host of await store.open()) drain(host)
      await store.failLostCancels()
    } catch (error) {
      log.debug({ err: error }, "open actions were not looked for")
    }
  }

  const hear = (payload: string): void => {
    const host = HostId.safeParse(payload)
    if (!host.success) return
    void show(host.data)
    drain(host.data)
  }

  return {
    perform: (action, resumed) => tracked(perform(action, resumed)),
    async start() {
      if (ends.length > 0) return
      const again = (): void => hosts.ids().forEach((host) => void show(host))
      const { unlisten } = await sql.listen(ACTIONS_CHANNEL, hear, again)
      ends.push(
        unlisten,
        clock.every(SWEEP_EVERY_MS, () => void sweep()),
      )
      await sweep()
    },
    async stop() {
      stopping.abort()
      for (const end of ends.splice(0)) await end()
      for (const hide of hides.values()) hide()
      await Promise.all([...working, ...[...busy.values()].map(({ done }) => done)])
    },
  }
}
