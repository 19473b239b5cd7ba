import { randomUUID } from "node:crypto"
import type { FastifyInstance } from "fastify"
import type { CommittedActivity } from "@boocontrol/shared/activity"
import type { HostAction } from "@boocontrol/shared/actions"
import type { Envelope } from "@boocontrol/shared/envelope"
import type { FleetHost } from "@boocontrol/shared/fleet"
import type { FleetDeltaFrame, Frame } from "@boocontrol/shared/frames"
import type { RefusedData } from "@boocontrol/shared/hosts"
import { HostId, HubId } from "@boocontrol/shared/ids"
import type { InstanceId } from "@boocontrol/shared/ids"
import type { HostLease } from "@boocontrol/shared/leases"
import { subjects } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import { advisoryLock } from "../platform/advisory-lock.ts"
import type { Clock } from "../platform/clock.ts"
import type { Log } from "../platform/log.ts"
import type { RpcEndpoint } from "../platform/micro-service.ts"
import type { NatsConnection } from "../platform/nats.ts"
import type { Sql } from "../platform/postgres.ts"
import { ANNOUNCER_LOCK, announcer } from "./announce.ts"
import { createBoard } from "./board.ts"
import { listen } from "./listen.ts"
import { TICK_MS, createLive } from "./live.ts"
import type { Refused } from "./live.ts"
import { createPersist } from "./persist.ts"
import type { FleetOutput, RegistryPort } from "./ports.ts"
import { recallModelsFrom } from "./recall.ts"
import { fleetRoutes } from "./routes.ts"
import type { Preferences } from "./shown-models.ts"
import { lastKnownStore } from "./store/last-known.ts"
import { modelEventsStore, rowsOfTransitions } from "./store/model-events.ts"
import type { ModelEventsStore } from "./store/model-events.ts"
import { PREFERENCES_CHANNEL, preferencesStore } from "./store/preferences.ts"

export { LEFT_TO_STORING } from "./listen.ts"
export type { FleetOutput, RegistryPort } from "./ports.ts"

export interface FleetOptions {
  sql: Sql
  nc: NatsConnection
  clock: Clock
  log: Log
  registry: RegistryPort
  output: FleetOutput
}

export interface Fleet {
  readonly hubId: HubId
  routes: (app: FastifyInstance) => Promise<void>
  /** The snapshot, for tools on NATS. */
  rpc: RpcEndpoint
  snapshot(): Frame
  /** One host as a whole; a host that is gone as such. */
  resync(host: HostId): Frame
  /** The newest sample of the hosts a topic names (`perf:<host>`, `perf:*`). */
  samples(topic: string): Frame[]
  /** For ingest: transitions and notes into `control_model_events`. */
  storeModels(envelopes: readonly Envelope<"models">[]): Promise<void>
  storeNotes(envelopes: readonly Envelope<"note">[]): Promise<void>
  /** Changes of the models of one host within a range, oldest first. */
  changes: ModelEventsStore["changes"]
  /** Who holds a host, for its frame. */
  leased(host: HostId, lease: HostLease | null): void
  /** What a host was asked to do, for its frame. */
  acted(host: HostId, actions: readonly HostAction[]): void
  find(host: HostId): FleetHost | null
  /** Requests in flight on a host as this hub last heard; null where that is not known. */
  inflightOn(host: HostId): number | null
  /** Calls back after each change of a host. */
  onDelta(listener: (delta: FleetDeltaFrame) => void): () => void
  /** Whether this hub is the one that tells other tools what all of them see. */
  isAnnouncer(): boolean
  /** Counts a message of a host that could not be used, for its card. */
  rejected(host: HostId, reason: string): void
  /** Rows that this hub itself has just stored. */
  committed(activity: CommittedActivity): void
  ids(): readonly HostId[]
  hosts(): readonly FleetHost[]
  /** The sidecar that holds a host id, for who has it do something. Null where none ever spoke. */
  speakerOf(host: HostId): { instance: InstanceId; clockAheadMs: number } | null
  counts(): Record<"connected" | "reconnecting" | "down", number>
  /** Rebuilds from Postgres, then listens. Only after this is there a snapshot to give. */
  start(): Promise<void>
  stop(): Promise<void>
}

const LOADS_SINCE_MS = 3_600_000

/** Live state of every host: one board, fed by what hosts say, read by sockets, tools and routes. */
export function createFleet({ sql, nc, clock, registry, output, ...rest }: FleetOptions): Fleet {
  const log = rest.log.child({ part: "fleet" })
  const hubId = HubId.parse(randomUUID())
  const events = modelEventsStore(sql)
  const preferences = preferencesStore(sql)
  const store = lastKnownStore(sql)
  const lock = advisoryLock({ sql, key: ANNOUNCER_LOCK, clock, log })
  const announce = announcer(nc, lock)
  const listeners = new Set<(delta: FleetDeltaFrame) => void>()
  let isRebuilt = false

  const onDelta = (delta: FleetDeltaFrame): void => {
    if (!isRebuilt) return
    output.delta(delta)
    announce(delta)
    persist.changed(delta)
    for (const listener of listeners) listener(delta)
  }
  const board = createBoard({ hubId, firstSeq: clock.now(), onDelta })
  const persist = createPersist({ board, store, registry, clock, log })
  const refuse = (host: HostId, refused: Refused): void => {
    const message = `Host id ${host} is held by another sidecar: give this one its own BOO_HOST_ID, or stop the other`
    const data: RefusedData = { v: 1, holder: refused.holder, since: refused.since, message }
    nc.publish(subjects.refused(host, refused.instance), JSON.stringify(data))
    log.warn({ host, ...refused }, "two sidecars claim one host id: the second is refused")
  }
  const live = createLive({ board, registry, output, recall: recallModelsFrom(nc), refuse, clock, log })
  const preferred = (host: HostId, prefs: Preferences): void =>
    void board.apply(host, { kind: "preferred", prefs }, { nowMs: clock.now(), eventAt: null })

  const rebuild = async (): Promise<void> => {
    const nowMs = clock.now()
    const [known, prefs, loads] = await Promise.all([
      store.load(),
      preferences.all(),
      events.transitionsSince(instantOf(nowMs - LOADS_SINCE_MS)),
    ])
    for (const row of registry.rows()) {
      const id = row.provider_id
      board.add({ row, prefs: prefs.get(id) ?? new Map(), last: known.get(id) ?? null }, nowMs)
    }
    for (const { host, transition } of loads) live.transitions(HostId.parse(host), [transition])
    isRebuilt = true
  }

  const ends: (() => unknown)[] = []
  const notHeard = (error: unknown): void => log.warn({ err: error }, "a change of preferences was not read")
  const hearPreferences = (payload: string): void => {
    const host = HostId.safeParse(payload)
    if (!host.success) return
    preferences.of(host.data).then((prefs) => preferred(host.data, prefs), notHeard)
  }
  const hearAllPreferences = (): void => {
    preferences.all().then((all) => {
      for (const id of board.ids()) preferred(id, all.get(id) ?? new Map())
    }, notHeard)
  }

  return {
    hubId,
    routes: fleetRoutes({ board, events, preferences, preferred, clock }),
    rpc: {
      name: "fleet.get",
      summary: "Live state of every host, as the WebSocket snapshot",
      answer: async () => board.snapshot(clock.now()),
    },
    snapshot: () => ({ type: "control_fleet", kind: "snapshot", ...board.snapshot(clock.now()) }),
    resync: (host) => board.full(host, clock.now()) ?? board.gone(host, clock.now()),
    samples(topic) {
      const wanted = /^perf:(.+)$/.exec(topic)?.[1]
      return [...board.hosts()].flatMap(({ shown: { provider_id, sample }, seq }): Frame[] =>
        sample !== null && (wanted === "*" || wanted === provider_id)
          ? [{ type: "control_perf", provider_id, seq, at: instantOf(clock.now()), samples: [sample] }]
          : [],
      )
    },
    storeModels: (envelopes) =>
      events.save(envelopes.flatMap(({ host, data }) => rowsOfTransitions(host, data.transitions))),
    storeNotes: (envelopes) =>
      events.save(
        envelopes.map(({ host, data: { note, ts, detail } }) => ({
          ...{ provider_id: host, model: "*", state: note, ts, detail },
        })),
      ),
    changes: events.changes,
    leased: (host, lease) =>
      void board.apply(host, { kind: "leased", lease }, { nowMs: clock.now(), eventAt: null }),
    acted: (host, actions) =>
      void board.apply(host, { kind: "acted", actions }, { nowMs: clock.now(), eventAt: null }),
    find: (host) => board.get(host)?.shown ?? null,
    inflightOn: (host) => board.get(host)?.shown.inflight_total ?? null,
    onDelta(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    isAnnouncer: () => lock.isHeld(),
    rejected: live.rejected,
    committed: live.committed,
    ids: () => board.ids(),
    hosts: () => [...board.hosts()].map(({ shown }) => shown),
    speakerOf(id) {
      const { holder, clockAheadMs = 0 } = board.get(id) ?? {}
      return holder ? { instance: holder.instance, clockAheadMs } : null
    },
    counts() {
      const counts = { connected: 0, reconnecting: 0, down: 0 }
      for (const host of board.hosts()) counts[host.shown.liveness] += 1
      return counts
    },
    async start() {
      if (isRebuilt) return
      await rebuild()
      registry.onChange(({ id, row }) => live.registryChanged(id, row))
      // At each new connection all of them: what was announced in between is not missed.
      const { unlisten } = await sql.listen(PREFERENCES_CHANNEL, hearPreferences, hearAllPreferences)
      const listening = listen({ nc, heard: live, log, hubId })
      ends.push(
        unlisten,
        () => listening.stop(),
        clock.every(TICK_MS, () => live.tick()),
      )
      lock.start()
      persist.start()
    },
    async stop() {
      for (const end of ends.splice(0)) await end()
      await persist.stop()
      await lock.stop()
    },
  }
}
