import type { LocationQuery, RouteLocationRaw } from "vue-router"
import { fleetViewOf, locationOfView } from "../fleet/view/shown.ts"
import type { FleetView } from "../fleet/view/shown.ts"
import type { Density } from "../fleet/density.ts"
import type { ThemeChoice } from "../platform/theme.ts"
import type { PaletteEntry } from "./palette.ts"

export type ActionName = `theme ${ThemeChoice}` | `density ${Density}` | "keys" | "messages" | "sign out"

interface Now {
  readonly theme: ThemeChoice
  readonly density: Density
  /** Of the Fleet page; empty on any other. */
  readonly query: LocationQuery
  readonly maySignOut?: boolean
}

/** What the palette can do besides going somewhere: only what would change something. */
export function paletteActions({ theme, density, query, maySignOut = false }: Now): PaletteEntry[] {
  const view = fleetViewOf(query)
  const other: Density = density === "compact" ? "comfortable" : "compact"
  const themes = [
    { choice: "dark", icon: "moon", title: "Dark theme" },
    { choice: "light", icon: "sun", title: "Light theme" },
    { choice: "system", icon: "auto", title: "Theme as the system" },
  ] as const
  return [
    ...themes
      .filter(({ choice }) => choice !== theme)
      .map(({ choice, icon, title }) => action(`theme ${choice}`, { icon, title })),
    action(`density ${other}`, {
      icon: "fleet",
      title: other === "compact" ? "Compact cards" : "Comfortable cards",
    }),
    fleetAction(
      view,
      { hidden: !view.hidden },
      view.hidden ? "Do not show hidden models" : "Show hidden models",
    ),
    fleetAction(view, { grouped: !view.grouped }, view.grouped ? "Do not group hosts" : "Group hosts by tag"),
    action("messages", { icon: "bell", title: "Messages of this page" }),
    action("keys", { icon: "file", title: "Keyboard shortcuts" }),
    ...(maySignOut ? [action("sign out", { icon: "key", title: "Sign out" })] : []),
  ]
}

function action(name: ActionName, words: Pick<PaletteEntry, "icon" | "title">): PaletteEntry {
  return { ...words, key: `action ${name}`, detail: "action", to: null, run: name }
}

/** What is in the address is changed by going there. */
function fleetAction(view: FleetView, change: Partial<FleetView>, title: string): PaletteEntry {
  const to: RouteLocationRaw = { name: "fleet", query: locationOfView({ ...view, ...change }) }
  return { key: `action ${Object.keys(change).join(" ")}`, icon: "show", title, detail: "action", to }
}
