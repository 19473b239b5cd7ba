import { HostId } from "@boocontrol/shared/ids"
import type { VirtualModel } from "@boocontrol/shared/gateway"
import type { FleetPatch } from "@boocontrol/shared/fleet"
import type { ActivityFrame } from "@boocontrol/shared/frames"
import type { FastifyPluginCallback } from "fastify"
import { ResolveRequest } from "@boocontrol/shared/routing"
import type { TokenPrices } from "@boocontrol/shared/token-cost"
import type { Clock } from "../platform/clock.ts"
import { parseBody } from "../platform/http.ts"
import type { Log } from "../platform/log.ts"
import type { RpcEndpoint } from "../platform/micro-service.ts"
import type { NatsConnection } from "../platform/nats.ts"
import type { Sql } from "../platform/postgres.ts"
import type { SecretBox } from "../platform/secret-box.ts"
import { affinity } from "./core/affinity.ts"
import {
  FRESH,
  answered,
  failed,
  failureKind,
  healthOf,
  sent,
  succeeded,
  undecided,
  worse,
} from "./core/breaker.ts"
import type { Breaker } from "./core/breaker.ts"
import { decide } from "./core/decide.ts"
import type { Deciding } from "./core/decide.ts"
import { resolveName } from "./core/names.ts"
import type { HostPlace } from "./core/view.ts"
import { placeKey, priceOf } from "./core/view.ts"
import { resolve, scores } from "./answers.ts"
import { createCatalogue } from "./catalogue.ts"
import { createDispatchLog } from "./dispatch-log.ts"
import { KWH_PRICE, createLiveView } from "./live-view.ts"
import { createMeasured } from "./measured.ts"
import type { RoutingParts } from "./parts.ts"
import { openPassage } from "./passage.ts"
import type { Passage } from "./passage.ts"
import type * as ports from "./ports.ts"
import { routingRoutes } from "./routes.ts"
import { dispatchesStore } from "./store/dispatches.ts"
import type { DispatchesStore } from "./store/dispatches.ts"
import { policiesStore } from "./store/policies.ts"
import { targetsStore } from "./store/targets.ts"
import { unloadsSince } from "./store/unloads.ts"
import { previewAsk, virtualModels } from "./virtual-models.ts"
import { createWaitingRoom } from "./waiting-room.ts"

export interface RoutingOptions {
  sql: Sql
  nc: Pick<NatsConnection, "publish">
  clock: Clock
  log: Log
  secrets: SecretBox
  fleet: ports.FleetPort
  leases: ports.LeasesPort
  breakers: ports.BreakersPort
  keys: ports.UpstreamKeysPort
  scores: ports.ScoresPort
  history: ports.HistoryPort
}

export interface Routing {
  /** Below `/api/control`. */
  routes: FastifyPluginCallback
  /** What the gateway asks. */
  port: {
    open(ask: ports.GatewayAsk): Passage
    virtualModels(): readonly VirtualModel[]
    preview(model: string): readonly { host: HostId | null; model: string }[]
  }
  /** What tokens of a model take on a host; null where that was not measured. */
  priceOf(host: string, model: string): (TokenPrices & { perKwh: number }) | null
  /** What was sent to hosts, of each span what ended in it. */
  sent: DispatchesStore["sent"]
  /** Something about a host has changed: what it says of itself counts a moment later, who may use it at once. */
  fleetChanged(patch: FleetPatch): void
  /** Rows that were stored. */
  finished(frame: ActivityFrame): void
  /** `routing.scores` and `routing.resolve`, for other tools. */
  rpc: readonly RpcEndpoint[]
  start(): Promise<void>
  stop(): Promise<void>
}

/** Looks at the queue again so often also when nothing is heard: an estimate may have run out. */
const LOOK_MS = 1_000
/** What a host says is known to decisions after this; what this hub itself sends is at once. */
const VIEW_MS = 20
const HISTORY_MS = 24 * 3_600_000
const HISTORY_ROWS = 20_000

/** Decides where requests go: from tables in memory that others keep fresh, and says why. */
export function createRouting(options: RoutingOptions): Routing {
  const { sql, nc, clock, fleet, leases, breakers } = options
  const log = options.log.child({ part: "routing" })
  const measured = createMeasured()
  const warm = affinity()
  const places = new Map<string, Breaker>()
  const inFlight = new Set<string>()
  const dispatches = dispatchesStore(sql)
  const policies = policiesStore(sql)
  const targets = targetsStore(sql, options.secrets)
  const catalogue = createCatalogue({ sql, log, policies, targets, changed: () => changed() })
  const dispatchLog = createDispatchLog({ store: dispatches, nc, clock, log, headers: catalogue.headers })
  const view = createLiveView({
    ...{ fleet, leases, measured, scores: options.scores },
    targets: () => catalogue.targets().map(({ target }) => target),
    policies: () => catalogue.policies.keys(),
    isOwn: (id) => inFlight.has(id),
  })

  const health = (provider: string, model: string): ReturnType<typeof healthOf> => {
    const nowMs = clock.now()
    const place = places.size === 0 ? FRESH : (places.get(placeKey(provider, model)) ?? FRESH)
    const own = healthOf(place, nowMs)
    const host = hostIdOf(provider)
    const isClosed = host !== null && breakers.closedFor(host, nowMs) !== null
    return isClosed ? worse(own, "open") : own
  }

  const warmShare: Deciding["moment"]["warmShare"] = (host, model, ask) => {
    if (ask.session === null) return 0
    const place = { host, model: model.id, instance: model.instance }
    return warm.share([ask.session], place, ask.prompt_tokens ?? 600)
  }
  const use: Deciding["moment"]["use"] = (host, model) => {
    const instance = placeNow(host, model)?.model.instance ?? null
    return {
      perMs: room.demand.perMs(model, clock.now()),
      warmTokens: warm.warmTokens({ host, model, instance }),
    }
  }
  const deciding = (): Deciding => {
    const { view: seen, names } = view.current()
    const moment = { nowMs: clock.now(), ahead: room.ahead, warmShare, use }
    return { view: seen, names, policies: catalogue.policies, health, moment }
  }

  const placeNow = (host: string, model: string): HostPlace | null => {
    const found = view.current().names.hosts.get(host)
    const own = found?.models.find(({ id }) => id === model)
    return found && own ? { kind: "host", host: found, model: own } : null
  }

  const room = createWaitingRoom({
    ...{ clock, view: () => view.current().view },
    decide: (ask, tried) => decide(ask, tried, deciding()),
  })

  let looking = false
  /** Once for all that happens in this turn of the event loop. */
  const lookSoon = (): void => {
    if (looking || room.waiting() === 0) return
    looking = true
    queueMicrotask(() => {
      looking = false
      room.look()
    })
  }
  const changed = (): void => {
    view.stale()
    lookSoon()
  }
  let cancelSoon: (() => void) | null = null
  /** A busy fleet says something every few milliseconds: not each of them is worth a new view. */
  const changedSoon = (): void => {
    cancelSoon ??= clock.setTimeout(() => {
      cancelSoon = null
      changed()
    }, VIEW_MS)
  }
  const breaker = (provider: string, model: string, next: (before: Breaker) => Breaker): void => {
    const key = placeKey(provider, model)
    const before = places.get(key)
    const after = next(before ?? FRESH)
    if (before === undefined && after === FRESH) return
    if (after.state === "closed" && after.inRow === 0 && !after.recent.includes(true)) places.delete(key)
    else places.set(key, after)
  }

  const parts: RoutingParts = {
    ...{ clock, room, placeNow },
    policyOf: (model) => resolveName(view.current().names, model).policy,
    decide: (ask, tried) => decide(ask, tried, deciding()),
    sent(requestId, provider, model) {
      inFlight.add(requestId)
      view.sent(provider, model, 1)
      if (places.size > 0) breaker(provider, model, (before) => sent(before, clock.now()))
    },
    ended(requestId, provider, model) {
      inFlight.delete(requestId)
      view.sent(provider, model, -1)
      lookSoon()
    },
    answered(provider, model) {
      if (places.size > 0) breaker(provider, model, answered)
    },
    undecided(provider, model) {
      if (places.size > 0) breaker(provider, model, (before) => undecided(before, clock.now()))
    },
    failed: (provider, model, why) =>
      breaker(provider, model, (before) => failed(before, failureKind(why), clock.now())),
    succeeded(place, { given, usage, servedMs }) {
      const provider = place.kind === "host" ? place.host.id : place.target.id
      if (places.size > 0) breaker(provider, place.model.id, succeeded)
      if (place.kind === "target" || given.servedBy === "loaded") return
      room.demand.served(place.model.id, servedMs)
      // The process that answered is the one that holds it now: what was there before a load is not.
      const instance = placeNow(place.host.id, place.model.id)?.model.instance ?? null
      const keys = given.session ?? given.prefix
      if (instance === null || keys === null) return
      const tokens = (usage?.promptTokens ?? 0) + (usage?.outputTokens ?? 0)
      warm.answered([keys], {
        host: place.host.id,
        model: place.model.id,
        instance,
        tokens,
        atMs: clock.now(),
      })
    },
    addressOf(place) {
      if (place.kind === "host") {
        const host = hostIdOf(place.host.id)
        if (host === null) throw new Error(`${place.host.id} is no host`)
        const baseUrl = place.host.baseUrl ?? ""
        return { host, target: null, baseUrl, upstreamKey: options.keys.keyOf(host), dialect: "openai" }
      }
      const { target, credential } = catalogue.target(place.target.id) ?? {}
      return {
        ...{ host: null, target: place.target.id, baseUrl: target?.base_url.replace(/\/+$/, "") ?? "" },
        ...{ upstreamKey: credential ?? null, dialect: target?.dialect ?? "openai" },
      }
    },
    isAtWork: (host, model) => (placeNow(host, model)?.model.inflight ?? 0) > view.own(host, model),
    log: dispatchLog.add,
  }

  const ends: (() => void)[] = []
  return {
    routes: routingRoutes({
      ...{ catalogue, policies, targets, dispatches, deciding, clock },
      history: options.history,
      fleet,
    }),
    port: {
      open: (ask) => openPassage(ask, parts),
      virtualModels: () => virtualModels(catalogue, deciding()),
      preview(model) {
        const { ranked, refused } = decide(previewAsk(model), new Set(), deciding())
        return [...ranked, ...refused].map(({ place }) => ({
          host: place.kind === "host" ? HostId.parse(place.host.id) : null,
          model: place.model.id,
        }))
      },
    },
    priceOf(host, model) {
      const place = placeNow(host, model)
      return place?.model.costPerMtok.basis === "measured" ? { ...priceOf(place), perKwh: KWH_PRICE } : null
    },
    sent: dispatches.sent,
    fleetChanged(patch) {
      if ("enabled" in patch || "lease" in patch) changed()
      else changedSoon()
    },
    finished: ({ provider_id: host, rows }) => measured.rows(host, rows),
    rpc: [
      {
        ...{ name: "routing.scores", summary: "Every model with speed, cost, quality and who is best now" },
        answer: async () => scores(deciding(), virtualModels(catalogue, deciding())),
      },
      {
        ...{ name: "routing.resolve", summary: "Which model ids still lead somewhere" },
        answer: async (asked) => resolve(deciding(), parseBody(ResolveRequest, asked).ids),
      },
    ],
    async start() {
      if (ends.length > 0) return
      await catalogue.start()
      const nowMs = clock.now()
      const rows = await options.history.rows({ fromMs: nowMs - HISTORY_MS, toMs: nowMs }, HISTORY_ROWS)
      for (const row of rows) measured.rows(row.provider_id, [row])
      for (const { host, model, ms } of await unloadsSince(sql, nowMs - HISTORY_MS, HISTORY_ROWS))
        measured.unloaded(host, model, ms)
      view.stale()
      dispatchLog.start()
      ends.push(clock.every(LOOK_MS, changed))
    },
    async stop() {
      for (const end of ends.splice(0)) end()
      cancelSoon?.()
      room.stop()
      await catalogue.stop()
      await dispatchLog.stop()
    },
  }
}

/** Ids that were looked at before: as few as there are hosts and targets. */
const hostIds = new Map<string, HostId | null>()

/** The same words as a host's id, once they are known to be one; null: they are not. */
function hostIdOf(provider: string): HostId | null {
  const known = hostIds.get(provider)
  if (known !== undefined) return known
  const parsed = HostId.safeParse(provider)
  const host = parsed.success ? parsed.data : null
  hostIds.set(provider, host)
  return host
}
