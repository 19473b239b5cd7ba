import type { AnthropicModel, AnthropicModels, GatewayModel, GatewayModels } from "@boocontrol/shared/gateway"
import type { Api } from "./core/endpoints.ts"
import { pageAsked, pageOf } from "./core/model-pages.ts"
import { anthropicModel, anthropicModels, modelList, modelOnHost, propsOf } from "./core/models.ts"
import { isProblem, problems } from "./core/errors.ts"
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
    /** All of them, or the one that is named; a page of them to Anthropic's clients. A key sees those it may use. */
    models(
      { model: named, api, path }: { model: string | null; api: Api; path: string },
      key: Pick<CallerKey, "mayUse"> | null,
    ): GatewayModels | GatewayModel | AnthropicModels | AnthropicModel | GatewayProblem {
      const [hosts, options] = [fleet.hosts(), { nowMs: now(), mayUse: key?.mayUse ?? null }]
      const list = modelList(hosts, routing.virtualModels(), options)
      if (named !== null) {
        const one = list.data.find(({ id }) => id === named) ?? modelOnHost(named, hosts, options)
        if (one === undefined) return unknownModel(named)
        return api === "anthropic" ? anthropicModel(one) : one
      }
      // OpenAI's API has no pages: its clients take what comes for all there is.
      if (api === "openai") return list
      const asked = pageAsked(path)
      if (isProblem(asked)) return asked
      const page = pageOf(list.data, asked)
      return isProblem(page) ? page : anthropicModels(page)
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
