import type { FleetHost, FleetModel } from "@boocontrol/shared/fleet"
import type {
  AnthropicModel,
  AnthropicModels,
  GatewayModel,
  GatewayModels,
  VirtualModel,
} from "@boocontrol/shared/gateway"

interface Place {
  readonly host: FleetHost
  readonly model: FleetModel
  readonly alias: boolean
}

export interface ListOptions {
  readonly nowMs: number
  readonly mayUse: ((model: string) => boolean) | null
}

/** Names of the whole fleet, virtual ones first; each name once, however many hosts have it. */
export function modelList(
  hosts: readonly FleetHost[],
  virtual: readonly VirtualModel[],
  { nowMs, mayUse }: ListOptions,
): GatewayModels {
  const created = Math.floor(nowMs / 1000)
  const places = new Map<string, Place[]>()
  for (const host of hosts) {
    if (!host.enabled) continue
    for (const model of host.models) {
      // What a host lists for its peers is not its own; unlisted and hidden models are served, but not shown.
      if (model.peer !== null || model.unlisted || model.hidden) continue
      for (const name of [model.id, ...model.aliases]) {
        const known = places.get(name) ?? []
        known.push({ host, model, alias: name !== model.id })
        places.set(name, known)
      }
    }
  }
  const own = [...places]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, at]) => ownModel(name, at, created))
  const all = [...virtual.map((model) => virtualModel(model, created)), ...own]
  return { object: "list", data: mayUse === null ? all : all.filter(({ id }) => mayUse(id)) }
}

function ownModel(id: string, places: readonly Place[], created: number): GatewayModel {
  const models = places.map(({ model }) => model)
  const first = places[0]
  // Whoever sends to this name may get any of these: what all of them hold is what can be promised.
  const contexts = models.flatMap(({ context_length }) => context_length ?? [])
  const context = contexts.length > 0 ? Math.min(...contexts) : null
  const capabilities = (models[0]?.capabilities ?? []).filter((one) =>
    models.every((model) => model.capabilities.includes(one)),
  )
  const isAlias = places.every(({ alias }) => alias)
  return {
    ...{ id, object: "model", created, owned_by: "llama-swap" },
    ...textOf("name", models),
    ...textOf("description", models),
    ...(context !== null && { context_length: context, meta: { n_ctx: context } }),
    ...(capabilities.includes("function_calling") && { supported_parameters: ["tools", "tool_choice"] }),
    status: { value: models.some(({ state }) => state === "ready") ? "loaded" : "unloaded" },
    boo: {
      kind: isAlias ? "alias" : "model",
      ...(isAlias && first && { alias_of: first.model.id }),
      hosts: places.map(({ host, model }) => ({ host: host.provider_id, state: model.state })),
      capabilities,
      ...collisionOf(id, places),
    },
  }
}

function textOf(
  key: "name" | "description",
  models: readonly FleetModel[],
): { name?: string; description?: string } {
  const text = models.map((model) => model[key]).find((value) => value !== null && value !== "")
  return text === undefined || text === null ? {} : { [key]: text }
}

function collisionOf(name: string, places: readonly Place[]): { collision?: string } {
  const meant = [...new Set(places.map(({ model }) => model.id))]
  if (meant.length < 2) return {}
  const said = places.map(({ host, model }) => `${model.id} on ${host.provider_id}`).join(", ")
  return { collision: `${name} is ${said}: <host>/<model> says which` }
}

function virtualModel(
  { id, description, context_length, capabilities, hosts, loaded }: VirtualModel,
  created: number,
): GatewayModel {
  return {
    ...{ id, object: "model", created, owned_by: "boocontrol", description },
    ...(context_length !== null && { context_length, meta: { n_ctx: context_length } }),
    ...(capabilities.includes("function_calling") && { supported_parameters: ["tools", "tool_choice"] }),
    status: { value: loaded ? "loaded" : "unloaded" },
    boo: { kind: "virtual", hosts: [...hosts], capabilities: [...capabilities] },
  }
}

/** A list or an entry of it in Anthropic's words. */
export function inAnthropicWords(told: GatewayModels | GatewayModel): AnthropicModels | AnthropicModel {
  if (told.object === "model") return anthropicModel(told)
  const data = told.data.map(anthropicModel)
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
}

function anthropicModel({
  id,
  name = id,
  context_length: context,
  status,
  boo,
}: GatewayModel): AnthropicModel {
  return {
    ...{ id, type: "model", display_name: name, created_at: "1970-01-01T00:00:00Z" },
    ...{ max_input_tokens: context ?? null, max_tokens: null, capabilities: null },
    ...{ lifecycle: "active", line: null, deprecated_at: null, retires_at: null },
    ...{ status, boo },
  }
}

export interface PropsFacts {
  readonly model: string
  readonly host: string | null
  readonly known: FleetModel | null
  readonly virtual: VirtualModel | null
}

/** As llama-server answers `GET /props`, as far as it is known without asking one. */
export function propsOf({ model, host, known, virtual }: PropsFacts): object {
  const context = known?.context_length ?? virtual?.context_length ?? null
  const capabilities = known?.capabilities ?? virtual?.capabilities ?? []
  return {
    default_generation_settings: context === null ? {} : { n_ctx: context },
    model_alias: model,
    modalities: {
      vision: capabilities.includes("vision"),
      audio: capabilities.includes("audio_transcriptions"),
    },
    boo: {
      ...{ host, model, state: known?.state ?? null, context_length: context },
      ...(context === null && { reason: "the host's configuration does not say the context length" }),
    },
  }
}
