import type { VirtualModel } from "@boocontrol/shared/gateway"
import { ROUTE_TASKS } from "@boocontrol/shared/route-policy"
import type {
  ExplainRequest,
  ResolveReply,
  RouteExplanation,
  RouteScore,
  RouteScores,
} from "@boocontrol/shared/routing"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import { decide, decideBy } from "./core/decide.ts"
import type { Deciding } from "./core/decide.ts"
import { explanationOf } from "./core/explain.ts"
import type { Health } from "./core/filter.ts"
import { collisionsOf, resolveName } from "./core/names.ts"
import { compilePolicy } from "./core/policy.ts"
import { guessOf } from "./core/priors.ts"
import { providerOf } from "./core/view.ts"
import type { HostModel, Place, RouteHost, RouteTargetView } from "./core/view.ts"

const NOBODY: ReadonlySet<string> = new Set()

/** The decision as it would be made now; by a policy that is not saved where one is given. */
export function explain(now: Deciding, { policy, asked_at: at, ...ask }: ExplainRequest): RouteExplanation {
  const deciding = at === undefined ? now : { ...now, askedMs: epochMsOf(at) }
  const decision = policy
    ? decideBy(compilePolicy(policy, 0), {
        ...{ ask, tried: NOBODY, deciding },
        resolution: { as: "policy", policy: policy.name, places: [], problem: null, collisions: [] },
      })
    : decide(ask, NOBODY, deciding)
  return explanationOf(decision, deciding)
}

/** Which of another application's stored ids still lead somewhere. The id itself is never rewritten. */
export function resolve({ names, policies }: Deciding, ids: readonly string[]): ResolveReply {
  return {
    rows: ids.map((id) => {
      const { policy, places, problem } = resolveName(names, id)
      if (problem !== null) return { id, route: "gateway_error", reason: problem }
      const [first] = places
      // Who is away comes back; who is switched off stays so until somebody changes it.
      if (policy === null && first !== undefined && places.every(isSwitchedOff))
        return { id, route: "gateway_error", reason: `${providerOf(first)} is switched off` }
      const isOff = policy !== null && policies.get(policy)?.policy.enabled !== true
      return isOff
        ? { id, route: "gateway_error", reason: `policy ${policy} is switched off` }
        : { id, route: "gateway" }
    }),
  }
}

function isSwitchedOff(place: Place): boolean {
  return place.kind === "host" ? !place.host.enabled : !place.target.enabled || !place.target.hasCredential
}

/** Every model on every host and target with what is known of it, and who is best for what now. */
export function scores(deciding: Deciding, virtual: readonly VirtualModel[]): RouteScores {
  const { view, moment, names } = deciding
  const rows = [
    ...view.hosts.flatMap((host) =>
      host.models.filter(({ isPeer }) => !isPeer).map((model) => hostScore(deciding, host, model)),
    ),
    ...view.targets.flatMap((target) =>
      target.models.map((model): RouteScore => ({
        ...{ kind: "target", provider_id: target.id, model: model.id, quant: null, state: null },
        status: targetStatus(deciding, target, model.id),
        ...{ inflight: target.inflight, load_ms: null, prompt_tps: null, gen_tps: null },
        ...{ context_length: model.contextLength, cost_per_mtok: model.outputPerMtok, best_for: [] },
        quality: qualities(model.quality),
      })),
    ),
  ]
  return {
    at: instantOf(moment.nowMs),
    rows: withBest(rows),
    virtual: [...virtual],
    collisions: collisionsOf(names),
  }
}

function hostScore(deciding: Deciding, host: RouteHost, model: HostModel): RouteScore {
  const isAble = guessOf(model.id).purpose === "text"
  return {
    ...{ kind: "host", provider_id: host.id, model: model.id, quant: model.quant, state: model.state },
    status: statusOf(deciding, host, model),
    ...{ inflight: model.inflight, load_ms: model.load.value, prompt_tps: model.promptTps.value },
    ...{ gen_tps: model.genTps.value, context_length: model.contextLength },
    ...{ cost_per_mtok: model.costPerMtok.value, best_for: [] },
    quality: isAble ? qualities(model.quality) : {},
  }
}

function targetStatus(
  { health }: Deciding,
  { id, enabled, hasCredential }: RouteTargetView,
  model: string,
): RouteScore["status"] {
  if (!enabled || !hasCredential) return "offline"
  return isLeftAlone(health(id, model)) ? "unhealthy" : "loaded"
}

function isLeftAlone(health: Health): boolean {
  return health === "open" || health === "amiss"
}

function statusOf({ health }: Deciding, host: RouteHost, { id, state }: HostModel): RouteScore["status"] {
  if (!host.enabled || host.liveness !== "connected" || host.baseUrl === null) return "offline"
  if (isLeftAlone(health(host.id, id))) return "unhealthy"
  if (host.lease?.mode === "exclusive") return "leased"
  if (state === "error") return "unhealthy"
  if (state === "ready") return "loaded"
  return state === "starting" ? "loading" : "swap_needed"
}

function qualities(quality: HostModel["quality"]): RouteScore["quality"] {
  return Object.fromEntries(
    ROUTE_TASKS.map((task) => {
      const { value, basis } = quality(task)
      return [
        task,
        { score: Math.round(value * 1000) / 1000, basis: basis === "prior" ? "prior" : "measured" },
      ]
    }),
  )
}

const CLOSED = new Set<RouteScore["status"]>(["offline", "leased", "unhealthy"])

/** Of those that can be asked now, per task, the best of the hosts' own; of equal ones who needs no load. */
function withBest(rows: readonly RouteScore[]): RouteScore[] {
  const best = new Map<RouteScore, string[]>()
  for (const task of ROUTE_TASKS) {
    let first: RouteScore | null = null
    for (const row of rows) {
      if (row.kind !== "host" || CLOSED.has(row.status) || !row.quality[task]) continue
      if (!first || isBetter(row, first, task)) first = row
    }
    if (first) best.set(first, [...(best.get(first) ?? []), task])
  }
  return rows.map((row) => ({ ...row, best_for: best.get(row) ?? [] }))
}

function isBetter(a: RouteScore, b: RouteScore, task: string): boolean {
  const [one, other] = [a.quality[task]?.score ?? 0, b.quality[task]?.score ?? 0]
  if (one !== other) return one > other
  return a.status === "loaded" && b.status !== "loaded"
}
