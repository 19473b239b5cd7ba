import type { IconName } from "../kit/icons.ts"

export interface PageEntry {
  readonly name: string
  readonly title: string
  readonly icon: IconName
}

/** What the rail and the palette lead to. */
export const PAGES: readonly PageEntry[] = [
  { name: "fleet", title: "Fleet", icon: "fleet" },
  { name: "activity", title: "Activity", icon: "activity" },
  { name: "timeline", title: "Timeline", icon: "timeline" },
  { name: "logs", title: "Logs", icon: "file" },
  { name: "routing", title: "Routing", icon: "routing" },
  { name: "keys", title: "Keys", icon: "key" },
  { name: "leases", title: "Leases", icon: "lease" },
  { name: "storage", title: "Storage", icon: "storage" },
]
