import { expect, it } from "vitest"
import { aHost } from "../test/examples.ts"
import { paletteActions } from "./actions.ts"
import { paletteEntries } from "./palette.ts"

const now = { theme: "system", density: "comfortable", query: {} } as const

it("offers only what would change something", () => {
  expect(paletteActions(now).map(({ title }) => title)).toEqual([
    "Dark theme",
    "Light theme",
    "Compact cards",
    "Show hidden models",
    "Group hosts by tag",
    "Messages of this page",
    "Keyboard shortcuts",
  ])
  const other = paletteActions({ theme: "dark", density: "compact", query: { hidden: "1", group: "tag" } })
  expect(other.map(({ title }) => title)).toEqual([
    "Light theme",
    "Theme as the system",
    "Comfortable cards",
    "Do not show hidden models",
    "Do not group hosts",
    "Messages of this page",
    "Keyboard shortcuts",
  ])
})

it("keeps the rest of the Fleet page's address", () => {
  const shown = paletteActions({ ...now, query: { q: "rack" } }).find(({ title }) => title.startsWith("Show"))
  expect(shown?.to).toEqual({ name: "fleet", query: { q: "rack", hidden: "1" } })
})

it("is found in the palette by its words, among hosts and pages", () => {
  const found = paletteEntries([aHost()], "theme dark", paletteActions(now))
  expect(found.map(({ run }) => run)).toEqual(["theme dark"])
})
