import { RouteAsk } from "@boocontrol/shared/routing"
import { RoutePolicy } from "@boocontrol/shared/route-policy"
import type { RoutePolicyGiven } from "@boocontrol/shared/route-policy"
import type { Deciding } from "./core/decide.ts"
import { nameTable } from "./core/names.ts"
import { compilePolicy } from "./core/policy.ts"
import type { Moment } from "./core/score.ts"
import type { HostModel, RouteHost, RouteTargetView, RouteView } from "./core/view.ts"

/** A fleet that never was, valid in every field, each of which can be set. */

const figure = (value: number) => ({ value, basis: "measured" as const })

export function routeModel(id: string, more: Partial<HostModel> = {}): HostModel {
  return {
    ...{
      id,
      aliases: [],
      state: "stopped",
      stateSinceMs: null,
      instance: null,
      contextLength: 8192,
      slots: 4,
    },
    ...{ capabilities: [], quant: null, isPeer: false, inflight: 0, load: figure(20_000), evicts: [] },
    ...{ promptTps: figure(1000), genTps: figure(50), costPerMtok: figure(1), serviceMs: 8000 },
    quality: () => figure(0.5),
    ...more,
  }
}

export function loaded(id: string, more: Partial<HostModel> = {}): HostModel {
  return routeModel(id, { state: "ready", stateSinceMs: 0, instance: `${id}-1`, ...more })
}

export function routeHost(
  id: string,
  models: readonly HostModel[],
  more: Partial<RouteHost> = {},
): RouteHost {
  return {
    ...{ id, tags: [], enabled: true, liveness: "connected", problem: null, lease: null, models },
    baseUrl: `http://${id}:8080`,
    ...more,
  }
}

export function routeTarget(id: string, more: Partial<RouteTargetView> = {}): RouteTargetView {
  const model = {
    contextLength: 128_000,
    capabilities: ["vision"],
    inputPerMtok: 1,
    cachedInputPerMtok: 0,
    outputPerMtok: 4,
  }
  return {
    ...{ id, enabled: true, hasCredential: true, dialect: "openai", maxConcurrent: 16, inflight: 0 },
    models: [{ id: "big", ...model, quality: () => figure(0.9) }],
    ...more,
  }
}

export function routeAsk(model: string, more: Partial<RouteAsk> = {}): RouteAsk {
  return { ...RouteAsk.parse({ model }), ...more }
}

export const STILL: Moment = {
  nowMs: Date.UTC(2026, 10, 26, 12),
  ahead: () => 0,
  warmShare: () => 0,
  use: () => ({ perMs: 0, warmTokens: 0 }),
}

export function policy(given: RoutePolicyGiven, version = 1) {
  return compilePolicy(RoutePolicy.parse(given), version)
}

export function deciding(
  view: Partial<RouteView>,
  {
    policies = [],
    moment = {},
    ...more
  }: Partial<Omit<Deciding, "policies" | "moment">> & {
    policies?: readonly RoutePolicyGiven[]
    moment?: Partial<Moment>
  } = {},
): Deciding {
  const whole = { hosts: [], targets: [], ...view }
  const compiled = new Map(policies.map((given) => [given.name, policy(given)]))
  return {
    ...{ view: whole, names: nameTable(whole, compiled.keys()), policies: compiled },
    ...{ moment: { ...STILL, ...moment }, health: () => "closed" as const },
    ...more,
  }
}
