import type { FleetHost, FleetModel } from "@boocontrol/shared/fleet"
import type { PassedOver, RefusalCode } from "@boocontrol/shared/gateway"
import type { HostId } from "@boocontrol/shared/ids"
import type { Breakers } from "./breakers.ts"
import type {
  Attempt,
  FleetPort,
  Passage,
  Refusal,
  RouteAsk,
  RoutingPort,
  UpstreamKeysPort,
} from "./ports.ts"

export interface PlannerOptions {
  readonly fleet: FleetPort
  readonly breakers: Breakers
  readonly keys: UpstreamKeysPort
  now(): number
}

interface Place {
  readonly host: FleetHost
  readonly model: FleetModel
}

/** Warm answers come in seconds; what is loading is waited for as long as its engine waits for it. */
const WARM_MS = 20_000
const LOADING_MS = 130_000
/** A whole answer has no first byte before its last token. */
const WHOLE_ANSWER_MS = 600_000
/** So often is looked whether the host is still there. */
const LOOK_MS = 2_000

/**
 * The plainest way to decide: a name means the hosts that have it, of these the loaded and least busy one. It has no
 * policies, no scores and no queue, and steps aside for whoever has.
 */
export function createPlanner({ fleet, breakers, keys, now }: PlannerOptions): RoutingPort {
  const open = new Map<HostId, number>()

  const placesOf = (name: string): readonly Place[] => {
    const hosts = fleet.hosts()
    const exact = hosts.flatMap((host) => placeOn(host, name))
    if (exact.length > 0) return exact
    const slash = name.indexOf("/")
    const named =
      slash > 0 ? hosts.find(({ provider_id }) => provider_id === name.slice(0, slash)) : undefined
    return named ? placeOn(named, name.slice(slash + 1)) : []
  }

  const closedFor = (
    { host }: Place,
    failed: ReadonlySet<HostId>,
  ): { code: RefusalCode; reason: string } | null => {
    if (!host.enabled) return { code: "offline", reason: "it is disabled" }
    if (host.liveness !== "connected") return { code: "offline", reason: `it is ${host.liveness}` }
    if (host.advertise_url === null) return { code: "offline", reason: "its address is not known" }
    if (failed.has(host.provider_id)) return { code: "unhealthy", reason: "it failed this request" }
    const reason = breakers.closedFor(host.provider_id, now())
    return reason === null ? null : { code: "unhealthy", reason }
  }

  const load = ({ provider_id, inflight_total }: FleetHost): number =>
    Math.max(open.get(provider_id) ?? 0, inflight_total ?? 0)

  const best = (places: readonly Place[]): Place | undefined => {
    let found: Place | undefined
    for (const place of places) if (found === undefined || before(place, found)) found = place
    return found
  }
  const before = (a: Place, b: Place): boolean => {
    const [warmA, warmB] = [isWarm(a), isWarm(b)]
    return warmA === warmB ? load(a.host) < load(b.host) : warmA
  }

  const attemptAt = ({ host, model }: Place, ask: RouteAsk): Attempt => {
    const id = host.provider_id
    const end = (): void => void open.set(id, Math.max(0, (open.get(id) ?? 0) - 1))
    open.set(id, (open.get(id) ?? 0) + 1)
    const warmMs = ask.stream ? WARM_MS : WHOLE_ANSWER_MS
    const patienceMs = isWarm({ host, model }) ? warmMs : Math.max(LOADING_MS, warmMs)
    return {
      ...{ kind: "attempt", host: id, target: null, model: model.id, dialect: "openai" },
      ...{ baseUrl: host.advertise_url ?? "", upstreamKey: keys.keyOf(id), price: null },
      firstByteMs: LOOK_MS,
      overdue(waitedMs) {
        const seen = fleet.hosts().find(({ provider_id }) => provider_id === id)
        return seen?.liveness === "down" || waitedMs >= patienceMs ? 0 : LOOK_MS
      },
      responded: () => undefined,
      ...{ failed: end, finished: end, abandoned: end },
    }
  }

  return {
    open(ask): Passage {
      const failed = new Set<HostId>()
      return {
        policy: null,
        next() {
          const places = placesOf(ask.model)
          const free = places.filter((place) => closedFor(place, failed) === null)
          const place = best(free)
          if (place === undefined) return refusalFor(ask.model, places, (each) => closedFor(each, failed))
          failed.add(place.host.provider_id)
          return attemptAt(place, ask)
        },
        close: () => undefined,
      }
    },
    virtualModels: () => [],
    preview: (model) =>
      placesOf(model)
        .filter((place) => closedFor(place, new Set()) === null)
        .sort((a, b) => (before(a, b) ? -1 : 1))
        .map(({ host, model: { id } }) => ({ host: host.provider_id, model: id })),
  }
}

/** Entries that an engine lists for its peers are no models of this host. */
function placeOn(host: FleetHost, name: string): Place[] {
  const model = host.models.find(
    ({ id, aliases, peer }) => peer === null && (id === name || aliases.includes(name)),
  )
  return model ? [{ host, model }] : []
}

function isWarm({ model }: Place): boolean {
  return model.state === "ready"
}

function refusalFor(
  name: string,
  places: readonly Place[],
  closedFor: (place: Place) => { code: RefusalCode; reason: string } | null,
): Refusal {
  if (places.length === 0) {
    const reason = `No host of this fleet has a model ${JSON.stringify(name)}: GET /v1/models lists what there is`
    return { kind: "refusal", code: "no_model", reason, retryAfterS: null, candidates: [] }
  }
  const closed = places.map((place) => ({ place, why: closedFor(place) }))
  const candidates: PassedOver[] = closed.map(({ place, why }) => ({
    ...{ host: place.host.provider_id, model: place.model.id, reason: why?.reason ?? "" },
  }))
  const code = closed.some(({ why }) => why?.code === "unhealthy") ? "unhealthy" : "offline"
  const why = candidates.map(({ host, reason }) => `${host}: ${reason}`).join("; ")
  return {
    kind: "refusal",
    code,
    reason: `No host can serve ${name} now (${why})`,
    retryAfterS: 2,
    candidates,
  }
}
