import type { FleetHost } from "@boocontrol/shared/fleet"
import type { HostId } from "@boocontrol/shared/ids"
import type { LocationQuery, LocationQueryRaw } from "vue-router"
import type { HostChoice } from "./host.ts"

/** What the page is narrowed to and how it is laid out. All of it is in the address, so that a view can be sent to somebody. */
export interface FleetView extends HostChoice {
  readonly tags: readonly string[]
  readonly grouped: boolean
  readonly hidden: boolean
}

export interface HostGroup {
  /** Null: the hosts without a tag, or all of them where nothing is grouped. */
  readonly tag: string | null
  readonly ids: readonly HostId[]
}

const MOST_TAGS = 20

export function fleetViewOf(query: LocationQuery): FleetView {
  const only = textOf(query["only"])
  return {
    only: only === "trouble" || only === "loaded" ? only : "all",
    text: textOf(query["q"]).slice(0, 200),
    tags: listOf(query["tag"]),
    grouped: textOf(query["group"]) === "tag",
    hidden: textOf(query["hidden"]) === "1",
  }
}

export function locationOfView(view: FleetView): LocationQueryRaw {
  return {
    ...(view.only === "all" ? {} : { only: view.only }),
    ...(view.text === "" ? {} : { q: view.text }),
    ...(view.tags.length === 0 ? {} : { tag: [...view.tags] }),
    ...(view.grouped ? { group: "tag" } : {}),
    ...(view.hidden ? { hidden: "1" } : {}),
  }
}

/** Every tag of the fleet, and how many hosts carry it. */
export function tagCounts(hosts: readonly Pick<FleetHost, "tags">[]): { tag: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const host of hosts) {
    for (const tag of new Set(host.tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1)
  }
  return [...counts].map(([tag, count]) => ({ tag, count })).sort((a, b) => (a.tag < b.tag ? -1 : 1))
}

/** Each host once, under its first tag; those without one come last. */
export function groupsOf(ids: readonly HostId[], firstTag: (id: HostId) => string | null): HostGroup[] {
  const groups = new Map<string | null, HostId[]>()
  for (const id of ids) {
    const tag = firstTag(id)
    groups.set(tag, [...(groups.get(tag) ?? []), id])
  }
  return [...groups]
    .map(([tag, members]) => ({ tag, ids: members }))
    .sort((a, b) => (a.tag === null ? 1 : b.tag === null || a.tag < b.tag ? -1 : 1))
}

function textOf(value: LocationQuery[string] | undefined): string {
  return listOf(value)[0] ?? ""
}

function listOf(value: LocationQuery[string] | undefined): string[] {
  const values = Array.isArray(value) ? value : [value]
  return values.filter((one): one is string => typeof one === "string" && one !== "").slice(0, MOST_TAGS)
}
