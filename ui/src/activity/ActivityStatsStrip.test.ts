// @vitest-environment happy-dom
import { instantOf } from "@boocontrol/shared/time"
import { flushPromises } from "@vue/test-utils"
import { expect, it } from "vitest"
import { NOW } from "../test/examples.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import ActivityStatsStrip from "./ActivityStatsStrip.vue"
import { NO_FILTERS } from "./filters.ts"

const [from, to] = [instantOf(NOW - 1_000), instantOf(NOW)]
const STATS = { ...{ from, to }, rows: [], unattributed: 0.25 }
const WAYS = {
  ...{ from, to, requests: 4, unattributed: 0.25 },
  rows: [
    { attribution: "exact", requests: 3, with_source: 3, share: 0.75 },
    { attribution: null, requests: 1, with_source: 0, share: 0.25 },
  ],
}

it("asks how the callers were found only where the figures are shown by source", async () => {
  const { api, show } = cockpit()
  api.answers.push(STATS)
  const shown = show(ActivityStatsStrip, { filters: NO_FILTERS, bySource: false })
  await flushPromises()
  expect(wordsOf(shown)).toContain("Source known75.0%")
  expect(api.asked.map(({ path }) => path)).toEqual(["activity/stats"])
  api.answers.push(STATS, WAYS)
  await shown.setProps({ bySource: true })
  await flushPromises()
  expect(wordsOf(shown)).toContain("Callers found: from its capture 75.0 %, nobody known 25.0 %")
  api.answers.push(STATS, new Error("a hub of before"))
  await shown.setProps({ filters: { ...NO_FILTERS } })
  await flushPromises()
  expect(wordsOf(shown)).toContain("No request in this time")
  expect(wordsOf(shown)).not.toContain("Callers found")
})
