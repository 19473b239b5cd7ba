import type { FleetHost } from "@boocontrol/shared/fleet"
import type { RouteLocationRaw } from "vue-router"
import { identityOf } from "../fleet/view/host.ts"
import type { IconName } from "../kit/icons.ts"
import type { ActionName } from "./actions.ts"
import { PAGES } from "./pages.ts"

export interface PaletteEntry {
  readonly key: string
  readonly icon: IconName
  readonly title: string
  readonly detail: string
  /** Where it leads; null: it is done where one is. */
  readonly to: RouteLocationRaw | null
  readonly run?: ActionName
}

const MOST = 40

/** Everything that can be gone to or done, narrowed by words that must all occur; what begins with them comes first. */
export function paletteEntries(
  hosts: readonly FleetHost[],
  text: string,
  actions: readonly PaletteEntry[] = [],
): PaletteEntry[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return allEntries(hosts, actions)
    .map((entry) => ({ entry, rank: rankOf(entry, words) }))
    .filter((found): found is { entry: PaletteEntry; rank: number } => found.rank !== null)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, MOST)
    .map(({ entry }) => entry)
}

function allEntries(hosts: readonly FleetHost[], actions: readonly PaletteEntry[]): PaletteEntry[] {
  const pages = PAGES.map((page) => ({
    key: `page ${page.name}`,
    icon: page.icon,
    title: page.title,
    detail: "page",
    to: { name: page.name },
  }))
  const machines = hosts.map((host) => ({
    key: `host ${host.provider_id}`,
    icon: "fleet" as const,
    title: host.display_name,
    detail: [identityOf(host), host.liveness].filter(Boolean).join(" · "),
    to: { name: "host", params: { id: host.provider_id } },
  }))
  const models = [...holders(hosts)].map(([model, on]) => ({
    key: `model ${model}`,
    icon: "activity" as const,
    title: model,
    detail: `requests of this model · on ${on.join(", ")}`,
    to: { name: "activity", query: { model } },
  }))
  return [...pages, ...actions, ...machines, ...models]
}

function holders(hosts: readonly FleetHost[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const host of hosts) {
    for (const model of host.models) {
      if (model.peer === null) found.set(model.id, [...(found.get(model.id) ?? []), host.provider_id])
    }
  }
  return found
}

function rankOf(entry: PaletteEntry, words: readonly string[]): number | null {
  const title = entry.title.toLowerCase()
  const all = `${title} ${entry.detail.toLowerCase()}`
  if (!words.every((word) => all.includes(word))) return null
  const first = words[0]
  if (first === undefined || title.startsWith(first)) return 0
  return words.every((word) => title.includes(word)) ? 1 : 2
}
