// @vitest-environment happy-dom
import { instantOf } from "@boocontrol/shared/time"
import { flushPromises } from "@vue/test-utils"
import { expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { NOW, aHost } from "../test/examples.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import TrafficPanel from "./TrafficPanel.vue"

const flow = (source: string, requests: number) => ({
  ...{
    source,
    asked: "auto:code",
    provider_id: "box",
    model: "coder",
    requests,
    failed: 3,
    refused: 0,
    swaps: 1,
  },
  ...{ counted: requests, prompt_tokens: 900, output_tokens: 90, last_at: instantOf(NOW - 60_000) },
})
const flows = (...rows: ReturnType<typeof flow>[]) => ({
  ...{ from: instantOf(NOW - 86_400_000), to: instantOf(NOW), flows: rows.length, rows },
  requests: rows.reduce((sum, { requests }) => sum + requests, 0),
})
const away = new ApiError("The hub does not answer", { code: "UNREACHABLE", status: null })

async function shown(answer: unknown) {
  const world = cockpit([aHost()])
  world.api.answers.push(answer)
  const page = world.show(TrafficPanel)
  await world.runWaiting()
  return { ...world, page, words: () => wordsOf(page) }
}

it("says who sends what where, how often, and leads to those requests", async () => {
  const { page, words, api } = await shown(flows(flow("boocoder", 75), flow("people", 25)))
  expect(api.asked.at(-1)).toMatchObject({ path: "routing/flows", query: { window: "day" } })
  expect(words()).toMatch(/boocoder ?asks auto:code ?75 ?75 %/)
  expect(words()).toMatch(/→ coder on box ?3 failed ?1 swap ?900 \+ 90 tokens ?1 min ago/)
  expect(page.findAll("a").map((link) => link.attributes("href"))).toEqual([
    "/activity?source=boocoder",
    "/activity?host=box&model=coder&source=boocoder",
    "/activity?source=people",
    "/activity?host=box&model=coder&source=people",
  ])
})

it("looks at another window, and forgets the figures of the one before", async () => {
  const { page, words, api } = await shown(flows(flow("boocoder", 75)))
  api.answers.push(flows())
  await page
    .findAll("button")
    .find((one) => one.text() === "week")
    ?.trigger("click")
  expect(page.find('[aria-label="Traffic is being added up"]').exists()).toBe(true)
  await flushPromises()
  expect(api.asked.at(-1)?.query).toEqual({ window: "week" })
  expect(words()).toContain("No request has come through the gateway in the last week.")
})

it("says why there is nothing to show, tries again, and keeps what it had when a later answer fails", async () => {
  const { page, words, api, runWaiting } = await shown(away)
  expect(wordsOf(page.get('[role="alert"]'))).toMatch(/The hub does not answer ?Try again/)
  api.answers.push(flows(flow("people", 1)))
  await page.get('[role="alert"] button').trigger("click")
  await flushPromises()
  expect(words()).toContain("people")
  api.answers.push(away)
  await runWaiting()
  expect(words()).toMatch(/As of just now: The hub does not answer.*people/)
})
