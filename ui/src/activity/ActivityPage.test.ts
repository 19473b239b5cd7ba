// @vitest-environment happy-dom
import { instantOf } from "@boocontrol/shared/time"
import { flushPromises } from "@vue/test-utils"
import { expect, it } from "vitest"
import { NOW } from "../test/examples.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import ActivityPage from "./ActivityPage.vue"
import { NO_FILTERS } from "./filters.ts"
import { useActivity } from "./store.ts"

it("a list without any request still tells where some may be missing", async () => {
  const { api, show } = cockpit()
  const detail = { from: instantOf(NOW - 9_000), to: instantOf(NOW - 1_000) }
  const note = { provider_id: "box", model: "*", state: "gap_suspected", ts: instantOf(NOW), detail }
  api.answers.push({ rows: [], next: null })
  const activity = useActivity()
  await activity.open(NO_FILTERS)
  api.answers.push({ rows: [note], next: null })
  const shown = show(ActivityPage)
  await flushPromises()
  expect(wordsOf(shown)).toContain("No request here")
  await expect.poll(() => wordsOf(shown)).toMatch(/box ?requests may be missing/)
})
