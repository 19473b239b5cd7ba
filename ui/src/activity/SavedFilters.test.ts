// @vitest-environment happy-dom
import { beforeEach, expect, it } from "vitest"
import { cockpit } from "../test/mounted.ts"
import SavedFilters from "./SavedFilters.vue"
import { NO_FILTERS } from "./filters.ts"

beforeEach(() => localStorage.clear())
const errors = { ...NO_FILTERS, statuses: ["error"] }

it("keeps the filters under a name, over a reload of the page, and applies them again", async () => {
  const first = cockpit().show(SavedFilters, { modelValue: errors })
  await first.get("input").setValue("what failed")
  await first.get("form").trigger("submit")
  const later = cockpit().show(SavedFilters, { modelValue: NO_FILTERS })
  await later.get(".apply").trigger("click")
  expect(later.emitted("update:modelValue")).toEqual([[errors]])
})

it("forgets one that is deleted, and saves nothing where nothing is set", async () => {
  const shown = cockpit().show(SavedFilters, { modelValue: errors })
  await shown.get("input").setValue("gone soon")
  await shown.get("form").trigger("submit")
  await shown.get(".delete").trigger("click")
  expect(cockpit().show(SavedFilters, { modelValue: errors }).findAll("li")).toEqual([])
  const plain = cockpit().show(SavedFilters, { modelValue: NO_FILTERS })
  await plain.get("input").setValue("nothing")
  expect(plain.get("form button").attributes("disabled")).toBeDefined()
})
