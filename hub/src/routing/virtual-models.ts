import type { VirtualModel } from "@boocontrol/shared/gateway"
import { HostId } from "@boocontrol/shared/ids"
import type { RouteAsk } from "@boocontrol/shared/routing"
import type { Catalogue } from "./catalogue.ts"
import { decide } from "./core/decide.ts"
import type { Deciding } from "./core/decide.ts"
import type { Place } from "./core/view.ts"

/** The plainest request for a name, to look where it leads. */
export function previewAsk(model: string): RouteAsk {
  return {
    ...{
      model,
      source: null,
      key: null,
      endpoint: "chat/completions",
      prompt_tokens: null,
      max_tokens: null,
    },
    ...{ tools: false, images: false, headers: {}, session: null, lease: null, served_by: "any" },
  }
}

/** Names of policies and of frontier models, with what they lead to now. */
export function virtualModels(
  catalogue: Pick<Catalogue, "rows" | "targets">,
  deciding: Deciding,
): VirtualModel[] {
  const hosts = new Set(deciding.view.hosts.map(({ id }) => id))
  const policies = catalogue
    .rows()
    .filter(({ policy }) => policy.enabled)
    .map(({ name, policy }): VirtualModel => {
      const id = name === "auto" ? "auto" : `auto:${name}`
      return { id, description: policy.description ?? `policy ${name}`, ...leadsTo(id, deciding) }
    })
  const targets = catalogue
    .targets()
    .filter(({ target }) => target.enabled && target.has_credential && !hosts.has(target.target_id))
    .flatMap(({ target }) =>
      target.models.map((model): VirtualModel => ({
        id: `${target.target_id}/${model.id}`,
        description: `${model.id} at ${target.display_name}`,
        ...{ context_length: model.context_length ?? null, capabilities: model.capabilities },
        ...{ hosts: [], loaded: true },
      })),
    )
  return [...policies, ...targets]
}

/** What only Anthropic's API reaches is led to as well. */
function previewAsks(id: string, { view }: Deciding): RouteAsk[] {
  const ask = previewAsk(id)
  const speaksBoth = view.targets.some(({ dialect }) => dialect === "anthropic")
  return speaksBoth ? [ask, { ...ask, endpoint: "messages" }] : [ask]
}

function leadsTo(id: string, deciding: Deciding): Omit<VirtualModel, "id" | "description"> {
  const places = previewAsks(id, deciding).flatMap((ask) =>
    decide(ask, new Set(), deciding).ranked.map(({ place }) => place),
  )
  const contexts = places.flatMap(({ model }) => model.contextLength ?? [])
  return {
    context_length: contexts.length > 0 ? Math.max(...contexts) : null,
    capabilities: [...new Set(places.flatMap(({ model }) => model.capabilities))].sort(),
    hosts: bestOfEachHost(places),
    loaded: places.some((place) => place.kind === "target" || place.model.state === "ready"),
  }
}

/** A host may hold several of the models: it stands once, with the one that is asked first. */
function bestOfEachHost(places: readonly Place[]): VirtualModel["hosts"] {
  const best = new Map<string, VirtualModel["hosts"][number]>()
  for (const place of places) {
    if (place.kind !== "host" || best.has(place.host.id)) continue
    best.set(place.host.id, { host: HostId.parse(place.host.id), state: place.model.state })
  }
  return [...best.values()]
}
