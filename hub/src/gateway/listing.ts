import type { AnthropicModel, AnthropicModels, GatewayModel, GatewayModels } from "@boocontrol/shared/gateway"
import type { Api } from "./core/endpoints.ts"
import { inAnthropicWords, modelList, propsOf } from "./core/models.ts"
import { problems } from "./core/errors.ts"
import type { GatewayProblem } from "./core/errors.ts"
import type { CallerKey } from "./keys.ts"
import type { FleetPort, RoutingPort } from "./ports.ts"

export interface ListingOptions {
  readonly fleet: FleetPort
  readonly routing: Pick<RoutingPort, "virtualModels" | "preview">
  now(): number
}

/** `GET /v1/models` and `props`, from what the sidecars have said: no host is asked, so nothing is loaded. */
export function createListing({ fleet, routing, now }: ListingOptions) {
  return {
    /** All of them, or the one that is named. A key sees those it may use. */
    models(
      { model: named, api }: { model: string | null; api: Api },
      key: Pick<CallerKey, "mayUse"> | null,
    ): GatewayModels | GatewayModel | AnthropicModels | AnthropicModel | GatewayProblem {
      const mayUse = key?.mayUse ?? null
      const list = modelList(fleet.hosts(), routing.virtualModels(), { nowMs: now(), mayUse })
      const told = named === null ? list : list.data.find(({ id }) => id === named)
      if (told === undefined) return unknownModel(named ?? "")
      return api === "anthropic" ? inAnthropicWords(told) : told
    },
    props(model: string, key: Pick<CallerKey, "forbids"> | null): object | GatewayProblem {
      if (model === "") return problems.noModel()
      const forbidden = key?.forbids(model) ?? null
      if (forbidden !== null) return forbidden
      const [place] = routing.preview(model)
      const virtual = routing.virtualModels().find(({ id }) => id === model)
      const host = place && fleet.hosts().find(({ provider_id }) => provider_id === place.host)
      const known = place && host?.models.find(({ id }) => id === place.model)
      if (place === undefined && virtual === undefined) return unknownModel(model)
      return propsOf({
        model: place?.model ?? model,
        host: place?.host ?? null,
        known: known ?? null,
        virtual: virtual ?? null,
      })
    },
  }
}

function unknownModel(model: string): GatewayProblem {
  return {
    ...{ status: 404, type: "invalid_request_error", code: "no_model", candidates: [] },
    message: `No host has a model ${JSON.stringify(model)} now: GET /v1/models lists what there is`,
  }
}
