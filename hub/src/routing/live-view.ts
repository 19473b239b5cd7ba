import type { FleetHost, FleetModel } from "@boocontrol/shared/fleet"
import type { RouteTarget } from "@boocontrol/shared/routing"
import { epochMsOf } from "@boocontrol/shared/time"
import { nameTable } from "./core/names.ts"
import type { NameTable } from "./core/names.ts"
import { guessOf, priorGenTps, priorLoadMs, priorPromptTps, priorQuality } from "./core/priors.ts"
import type { Figure, HostModel, RouteHost, RouteTargetView, RouteView } from "./core/view.ts"
import { placeKey } from "./core/view.ts"
import type { Measured } from "./measured.ts"
import type { FleetPort, LeasesPort, ScoresPort } from "./ports.ts"

/** Per kilowatt hour, in the unit of the price tables. */
export const KWH_PRICE = 0.3
/** Until it is measured: one card at work. */
const USUAL_WATTS = 250
/** Until it is measured. */
const USUAL_UNLOAD_MS = 1_500
/** As many as llama-swap itself lets through to one model before it answers 429. A tag `slots:N` says otherwise. */
const USUAL_SLOTS = 10
const USUAL_SERVICE_MS = 8_000

export interface LiveView {
  /** As of now; made anew where something has changed since. */
  current(): { view: RouteView; names: NameTable }
  /** Something has changed: the next question makes a new one. */
  stale(): void
  /** One request more, or less, on its way to a place. */
  sent(provider: string, model: string, change: 1 | -1): void
  /** Requests of this hub that are on their way to a place. */
  own(provider: string, model: string): number
}

export interface LiveViewOptions {
  fleet: FleetPort
  leases: LeasesPort
  measured: Measured
  scores: ScoresPort
  targets: () => readonly RouteTarget[]
  policies: () => Iterable<string>
  /** Whether a request in flight was sent by this hub. */
  isOwn: (requestId: string) => boolean
}

type LiveModel = HostModel & { inflight: number; readonly foreign: number }
type LiveTarget = RouteTargetView & { inflight: number }

export function createLiveView(options: LiveViewOptions): LiveView {
  const { fleet, leases, measured, scores } = options
  const own = new Map<string, number>()
  let made: { view: RouteView; names: NameTable } | null = null
  let models = new Map<string, LiveModel>()
  let targets = new Map<string, LiveTarget>()

  const qualityOf =
    (id: string, quant: string | null) =>
    (task: string): Figure =>
      scores.quality(id, quant, task) ?? priorQuality(id, quant, task)

  const modelOf = (host: FleetHost, model: FleetModel): LiveModel => {
    const id = host.provider_id
    const guess = guessOf(model.id)
    const genTps = measured.genTps(id, model.id) ?? priorGenTps(guess)
    const watts = measured.watts(id)
    const isHeld = model.state === "ready" || model.state === "starting" || model.state === "stopping"
    const since = model.state_since === null ? null : epochMsOf(model.state_since)
    const key = placeKey(id, model.id)
    const foreign = foreignOn(host, model.id, own.get(key) ?? 0)
    const evicts = isHeld ? [] : evictedBy(host, model, measured)
    const load = model.load_ms_typical
    const made: LiveModel = {
      ...{ id: model.id, aliases: model.aliases, state: model.state, stateSinceMs: since },
      instance: model.state === "ready" ? `${host.liveness_since ?? ""} ${model.state_since ?? ""}` : null,
      ...{
        contextLength: model.context_length,
        slots: slotsOf(host, model),
        capabilities: model.capabilities,
      },
      ...{
        quant: model.quant,
        isPeer: model.peer !== null,
        inflight: foreign + (own.get(key) ?? 0),
        foreign,
      },
      load: plus(
        load === null ? priorLoadMs(guess) : { value: load, basis: "measured" },
        evicts.map((other) => measured.unloadMs(id, other) ?? { value: USUAL_UNLOAD_MS, basis: "prior" }),
      ),
      promptTps: measured.promptTps(id, model.id) ?? priorPromptTps(guess),
      genTps,
      costPerMtok: {
        value: (((watts ?? USUAL_WATTS) / 1000) * KWH_PRICE * 1e6) / genTps.value / 3600,
        basis: watts !== null && genTps.basis === "measured" ? "measured" : "prior",
      },
      serviceMs: measured.serviceMs(id, model.id) ?? USUAL_SERVICE_MS,
      quality: qualityOf(model.id, model.quant),
      evicts,
    }
    models.set(key, made)
    return made
  }

  const hostOf = (host: FleetHost): RouteHost => {
    const lease = leases.leaseOf(host.provider_id)
    return {
      ...{ id: host.provider_id, tags: host.tags, enabled: host.enabled, liveness: host.liveness },
      problem: host.problem?.message ?? null,
      baseUrl: host.advertise_url?.replace(/\/+$/, "") ?? null,
      lease: lease && {
        ...{ leaseId: lease.lease_id, holder: lease.holder, mode: lease.mode, expiresAt: lease.expires_at },
      },
      models: host.models.map((model) => modelOf(host, model)),
    }
  }

  const targetOf = (target: RouteTarget): LiveTarget => {
    const inflight = [...own].filter(([key]) => key.startsWith(`${target.target_id}\n`))
    const made: LiveTarget = {
      ...{ id: target.target_id, enabled: target.enabled, hasCredential: target.has_credential },
      dialect: target.dialect,
      ...{
        maxConcurrent: target.max_concurrent,
        inflight: inflight.reduce((sum, [, count]) => sum + count, 0),
      },
      models: target.models.map((model) => ({
        ...{ id: model.id, contextLength: model.context_length ?? null, capabilities: model.capabilities },
        ...{ inputPerMtok: model.input_per_mtok, outputPerMtok: model.output_per_mtok },
        cachedInputPerMtok: model.cached_input_per_mtok ?? model.input_per_mtok,
        quality: (task) => {
          const said = model.quality[task] ?? model.quality["general"]
          return said === undefined ? { value: 0.85, basis: "prior" } : { value: said, basis: "reported" }
        },
      })),
    }
    targets.set(made.id, made)
    return made
  }

  return {
    current() {
      if (made) return made
      models = new Map()
      targets = new Map()
      measured.sampled(fleet.hosts())
      const view = { hosts: fleet.hosts().map(hostOf), targets: options.targets().map(targetOf) }
      made = { view, names: nameTable(view, options.policies()) }
      return made
    },
    stale: () => void (made = null),
    sent(provider, model, change) {
      const key = placeKey(provider, model)
      const count = Math.max(0, (own.get(key) ?? 0) + change)
      if (count === 0) own.delete(key)
      else own.set(key, count)
      const live = models.get(key)
      if (live) live.inflight = live.foreign + count
      const target = targets.get(provider)
      if (target) target.inflight = Math.max(0, target.inflight + change)
    },
    own: (provider, model) => own.get(placeKey(provider, model)) ?? 0,
  }

  /** What others sent there: by what the host lists, without what this hub knows to be its own. */
  function foreignOn(host: FleetHost, model: string, mine: number): number {
    if (host.inflight === null) return Math.max(0, (host.inflight_total ?? 0) - mine)
    let foreign = 0
    for (const request of host.inflight) {
      if (request.model !== model) continue
      const id = request.request_id ?? request.headers["X-Boo-Request-Id"] ?? null
      if (id === null || !options.isOwn(id)) foreign += 1
    }
    return foreign
  }
}

/** Everything that is held and was never seen beside it. One more that fits is found out by its load; a swap is not. */
function evictedBy(host: FleetHost, model: FleetModel, measured: Measured): string[] {
  return host.models
    .filter(
      ({ id, state, peer }) =>
        id !== model.id && peer === null && (state === "ready" || state === "starting"),
    )
    .filter(({ id }) => !measured.fitsBeside(host.provider_id, id, model.id))
    .map(({ id }) => id)
}

function slotsOf(host: FleetHost, model: FleetModel): number {
  const tag = host.tags.find((one) => /^slots:\d{1,4}$/.test(one))
  // What a server works on at once is what its answers come from; more only waits in it.
  return tag === undefined ? (model.slots ?? USUAL_SLOTS) : Math.max(1, Number(tag.slice(6)))
}

/** The models in the way are stopped at once, and waited for before the load begins. */
function plus(load: Figure, unloads: readonly Figure[]): Figure {
  const isMeasured = [load, ...unloads].every(({ basis }) => basis === "measured")
  return {
    value: load.value + Math.max(0, ...unloads.map(({ value }) => value)),
    basis: isMeasured ? "measured" : "prior",
  }
}
