import type { FleetHost, FleetModel } from "@boocontrol/shared/fleet"
import type {
  AnthropicModel,
  AnthropicModels,
  GatewayModel,
  GatewayModels,
  VirtualModel,
} from "@boocontrol/shared/gateway"
import type { Page } from "./model-pages.ts"

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
    for (const model of shownOf(host)) {
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

/** What a host lists for its peers is not its own; unlisted and hidden models are served, but not shown. */
function shownOf({ enabled, models }: FleetHost): FleetModel[] {
  return enabled ? models.filter(({ peer, unlisted, hidden }) => peer === null && !unlisted && !hidden) : []
}

/** `<host>/<model>`, by id or alias there: a name that may be asked for, and that the list leaves out. */
export function modelOnHost(
  name: string,
  hosts: readonly FleetHost[],
  { nowMs, mayUse }: ListOptions,
): GatewayModel | undefined {
  const [id, ...parts] = name.split("/")
  const [host, rest] = [hosts.find(({ provider_id }) => provider_id === id), parts.join("/")]
  if (host === undefined || mayUse?.(name) === false) return undefined
  const shown = shownOf(host)
  const model = shown.find((one) => one.id === rest) ?? shown.find(({ aliases }) => aliases.includes(rest))
  return model && ownModel(name, [{ host, model, alias: model.id !== rest }], Math.floor(nowMs / 1000))
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

/** A page of the list in Anthropic's words. */
export function anthropicModels({ data: models, hasMore }: Page<GatewayModel>): AnthropicModels {
  const data = models.map(anthropicModel)
  return { data, has_more: hasMore, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
}

export function anthropicModel({
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
