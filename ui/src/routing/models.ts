import type { RouteScore, RouteScores } from "@boocontrol/shared/routing"
import type { ComboboxOption } from "../kit/combobox.ts"
import { badgesOf, statusOf } from "./view.ts"

/** Who can answer soonest stands for all hosts that have the model. */
const SOONEST: readonly RouteScore["status"][] = [
  "loaded",
  "loading",
  "swap_needed",
  "leased",
  "unhealthy",
  "offline",
]
const SOON = { text: "loaded", tone: "ok" } as const
const SWAP = { text: "swap needed", tone: "idle" } as const
const NOBODY = { text: "offline", tone: "bad" } as const

/** Every name a request can ask for: those that lead somewhere by a policy first, then models, each with its badges. */
export function modelOptions({ rows, virtual }: RouteScores): ComboboxOption[] {
  const names = virtual.map(({ id, description, hosts, loaded }): ComboboxOption => {
    const [first] = hosts
    const isFrontier = id.includes("/")
    const state = loaded ? SOON : first ? SWAP : NOBODY
    return {
      ...{ value: id, group: isFrontier ? "Frontier" : "Policies" },
      detail: first ? `${description} · now ${first.host}` : description,
      badges: isFrontier ? [] : [state],
    }
  })
  const models = new Map<string, RouteScore[]>()
  for (const row of rows)
    if (row.kind === "host") models.set(row.model, [...(models.get(row.model) ?? []), row])
  const own = [...models]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([value, places]): ComboboxOption => {
      const [best] = places.toSorted((a, b) => SOONEST.indexOf(a.status) - SOONEST.indexOf(b.status))
      const tasks = [...new Set(places.flatMap(({ best_for: best }) => best))]
      const badges = badgesOf({ best_for: tasks }).map((text) => ({ text, tone: "ok" as const }))
      return {
        ...{ value, group: "Models", detail: whereOf(places) },
        badges: [...badges, ...(best ? [statusOf(best)] : [])],
      }
    })
  return [...names, ...own]
}

/** A policy that is not saved yet is known nowhere else. */
export function withEdited(
  options: readonly ComboboxOption[],
  name: string | null,
): readonly ComboboxOption[] {
  if (name === null || options.some(({ value }) => value === name)) return options
  return [{ value: name, group: "Policies", detail: "being edited" }, ...options]
}

const FEW = 3
function whereOf(places: readonly RouteScore[]): string {
  const hosts = places.map(({ provider_id: id }) => id)
  return hosts.length > FEW ? `on ${hosts.length} hosts` : `on ${hosts.join(", ")}`
}
