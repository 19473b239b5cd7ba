import type { ResolvedAs } from "@boocontrol/shared/routing"
import type { Place, RouteView } from "./view.ts"

/** Names of all there is, made anew when that changes, so that a name is looked up and not searched. */
export interface NameTable {
  readonly own: ReadonlyMap<string, readonly Place[]>
  readonly peers: ReadonlyMap<string, readonly Place[]>
  readonly hosts: ReadonlyMap<string, RouteView["hosts"][number]>
  readonly targets: ReadonlyMap<string, RouteView["targets"][number]>
  readonly policies: ReadonlySet<string>
  /** What was looked up before: the same few names are asked for again and again. */
  readonly known: Map<string, Resolution>
}

export interface Resolution {
  readonly as: ResolvedAs
  /** Name of the policy: `auto` for `auto`, `code` for `auto:code`. */
  readonly policy: string | null
  /** What it may be served by; a policy picks its own. */
  readonly places: readonly Place[]
  /** Why it is nothing. */
  readonly problem: string | null
  /** What the name would also have meant. */
  readonly collisions: readonly string[]
}

export function nameTable(view: RouteView, policies: Iterable<string>): NameTable {
  const own = new Map<string, Place[]>()
  const peers = new Map<string, Place[]>()
  const add = (table: Map<string, Place[]>, name: string, place: Place): void => {
    const places = table.get(name)
    if (places) places.push(place)
    else table.set(name, [place])
  }
  for (const host of view.hosts) {
    // The host's own ids first: an alias never takes a request from a model of that very name.
    const ids = new Set(host.models.map(({ id }) => id))
    for (const model of host.models) {
      const table = model.isPeer ? peers : own
      add(table, model.id, { kind: "host", host, model })
      for (const alias of new Set(model.aliases))
        if (!ids.has(alias)) add(table, alias, { kind: "host", host, model })
    }
  }
  return {
    ...{ own, peers, policies: new Set(policies), known: new Map() },
    hosts: new Map(view.hosts.map((host) => [host.id, host])),
    targets: new Map(view.targets.map((target) => [target.id, target])),
  }
}

/**
 * What a model name means, first match wins: `auto` and `auto:<policy>`; an id or alias of any host's own models,
 * slashes included; `<host>/<model>`, which never falls through; `<target>/<model>`.
 */
export function resolveName(table: NameTable, name: string): Resolution {
  const known = table.known.get(name)
  if (known) return known
  const resolution = meaningOf(table, name)
  if (table.known.size < MOST_KNOWN) table.known.set(name, resolution)
  return resolution
}

/** Clients may ask for whatever they like: what is kept of it is bounded. */
const MOST_KNOWN = 1_000

function meaningOf(table: NameTable, name: string): Resolution {
  const meanings = [policyOf, modelOf, onHostOf, onTargetOf].flatMap((look) => look(table, name) ?? [])
  const [first, ...others] = meanings
  if (!first) return nothing(`no host, policy or target knows ${name}`)
  return { ...first, collisions: others.filter(({ problem }) => problem === null).map(wordsOf) }
}

/** All names with more than one meaning, with their meanings, the one that wins first. */
export function collisionsOf(table: NameTable): { name: string; means: string[] }[] {
  const names = new Set(table.own.keys())
  for (const target of table.targets.values())
    for (const { id } of target.models) names.add(`${target.id}/${id}`)
  for (const host of table.hosts.values()) for (const { id } of host.models) names.add(`${host.id}/${id}`)
  const found: { name: string; means: string[] }[] = []
  for (const name of names) {
    const { as, policy, places, problem, collisions } = resolveName(table, name)
    const ids = new Set(places.map(({ model }) => model.id))
    // One alias for different models on different hosts: it means either.
    const means =
      as === "model" && ids.size > 1 ? [...ids].map((id) => `model ${id}`) : [wordsOf({ as, policy, places })]
    if (problem === null && means.length + collisions.length > 1)
      found.push({ name, means: [...means, ...collisions] })
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

type Meaning = Omit<Resolution, "collisions">

function policyOf(table: NameTable, name: string): Meaning | null {
  const policy = name === "auto" ? "auto" : /^auto:(.+)$/.exec(name)?.[1]
  if (policy === undefined) return null
  const problem = table.policies.has(policy) ? null : `there is no policy ${policy}`
  return { as: problem ? "nothing" : "policy", policy: problem ? null : policy, places: [], problem }
}

function modelOf(table: NameTable, name: string): Meaning | null {
  const places = table.own.get(name)
  return places ? { as: "model", policy: null, places, problem: null } : null
}

function onHostOf(table: NameTable, name: string): Meaning | null {
  const [id, rest] = splitAtSlash(name)
  const host = table.hosts.get(id)
  if (!host || rest === null) return null
  const places = (table.own.get(rest) ?? []).filter((place) => place.kind === "host" && place.host === host)
  if (places.length > 0) return { as: "host", policy: null, places, problem: null }
  return { as: "nothing", policy: null, places: [], problem: `host ${id} has no model ${rest}` }
}

function onTargetOf(table: NameTable, name: string): Meaning | null {
  const [id, rest] = splitAtSlash(name)
  const target = table.targets.get(id)
  if (!target || rest === null) return null
  const model = target.models.find((one) => one.id === rest)
  if (model) return { as: "target", policy: null, places: [{ kind: "target", target, model }], problem: null }
  return { as: "nothing", policy: null, places: [], problem: `target ${id} has no model ${rest}` }
}

function splitAtSlash(name: string): [string, string | null] {
  const at = name.indexOf("/")
  return at < 0 ? [name, null] : [name.slice(0, at), name.slice(at + 1)]
}

function nothing(problem: string): Resolution {
  return { as: "nothing", policy: null, places: [], problem, collisions: [] }
}

function wordsOf({ as, policy, places }: Pick<Meaning, "as" | "policy" | "places">): string {
  const first = places[0]
  if (as === "policy") return `policy ${policy}`
  if (as === "model") return `model ${first?.model.id}`
  if (!first) return "nothing"
  const provider = first.kind === "host" ? first.host.id : first.target.id
  return `${first.model.id} on ${as} ${provider}`
}
