// @vitest-environment happy-dom
import { RoutePolicy } from "@boocontrol/shared/route-policy"
import { flushPromises } from "@vue/test-utils"
import { expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import PolicyPreview from "./PolicyPreview.vue"
import { SCORES, candidate, explanation } from "./examples-for-tests.ts"

const policy = RoutePolicy.parse({
  name: "work",
  rules: [{ name: "agents", match: { header: { "x-team": "red" }, source: ["boo*"] } }, { name: "rest" }],
})

async function shown(...answers: unknown[]) {
  const { api, show } = cockpit()
  api.answers.push(...answers)
  const page = show(PolicyPreview, { policy, scores: SCORES })
  await flushPromises()
  const set = async (label: string, value: string) => {
    await page.get(`[aria-label="${label}"]`).setValue(value)
    await flushPromises()
  }
  return { api, page, set, words: () => wordsOf(page), last: () => api.asked.at(-1) }
}

it("shows which rule matches, whom it chooses, and every candidate with its terms and why it lost", async () => {
  const { words, last, page } = await shown(explanation())
  expect(last()).toMatchObject({
    path: "routing/explain",
    body: { model: "auto:work", policy, prompt_tokens: 600 },
  })
  expect(words()).toMatch(/agents ?matches, and is used ?rest ?not reached/)
  expect(words()).toContain("Goes to coder on box")
  expect(page.findAll('[aria-label="Candidates, best first"] > li').map(wordsOf)).toEqual([
    expect.stringMatching(/chosen ?coder ?on box.*why box.*wait 0 ms/),
    expect.stringMatching(/beaten ?coder ?on lab.*why lab.*prompt 600 ms/),
  ])
})

it("asks again with whatever the policy can match on", async () => {
  const { page, set, last, words } = await shown(
    explanation(),
    ...Array.from({ length: 8 }, () => explanation()),
  )
  await set("Tokens of the prompt", "9000")
  await page.get(".row .check input").setValue(true)
  await set("Value of x-team", "red")
  await set("Day", "fri")
  await set("Time of day, UTC; empty is now", "22:30")
  await page.get('.rare input[placeholder="anybody"]').setValue("boocoder")
  await page.get('.rare input[placeholder="none"]').setValue("team")
  await page.get(".rare label select").setValue("messages")
  await flushPromises()
  expect(last()?.body).toMatchObject({
    ...{ prompt_tokens: 9000, tools: true, source: "boocoder", key: "team", endpoint: "messages" },
    ...{ headers: { "x-team": "red" }, asked_at: "2026-11-27T22:30:00.000Z", policy },
  })
  expect(words()).toContain("5 set")
})

it("says what keeps every rule from a request that none matches", async () => {
  const { words } = await shown(
    explanation({
      ...{ rule: null, chosen: null, candidates: [] },
      refusal: { reason: "no_model", message: "no rule of policy work matches this request" },
      rules: [{ name: "agents", is_used: false, misses: ["source", "header x-team"] }],
    }),
  )
  expect(words()).toMatch(/agents ?source, header x-team do not match/)
  expect(words()).toContain("no_model: no rule of policy work matches this request")
})

it("picks another model with the keyboard, and says that it goes past the policy", async () => {
  const { page, last, words } = await shown(explanation(), explanation({ rules: [] }))
  const input = page.get('[aria-label="Model asked for"][role="combobox"]')
  await input.setValue("cod")
  expect(wordsOf(page.get('[role="option"]'))).toMatch(/coder ?on box ?best code model now ?loaded/)
  await input.trigger("keydown", { key: "ArrowDown" })
  await input.trigger("keydown", { key: "Enter" })
  await flushPromises()
  expect(last()?.body).toMatchObject({ model: "coder" })
  expect(last()?.body).not.toHaveProperty("policy")
  expect(words()).toContain("coder does not go through auto:work: this is where it goes today.")
})

it("says what is wrong with the request instead of an old answer", async () => {
  const { page, words, api } = await shown(explanation())
  await page.get('.rare input[placeholder="anybody"]').setValue("Not A Label")
  await flushPromises()
  expect([words().includes("Goes to"), api.asked.length]).toEqual([false, 1])
  expect(wordsOf(page.get('[role="alert"]'))).toMatch(/^source: /)
})

it("says why it could not be tried out", async () => {
  const { page } = await shown(new ApiError("The hub does not answer", { code: "UNREACHABLE", status: null }))
  expect(wordsOf(page.get('[role="alert"]'))).toBe("The hub does not answer")
})

it("shows few of many candidates until all are asked for", async () => {
  const many = Array.from({ length: 20 }, (_, index) => candidate(`host-${index}`))
  const { page } = await shown(explanation({ candidates: many }))
  const count = () => page.findAll('[aria-label="Candidates, best first"] > li').length
  expect(count()).toBe(8)
  await page.get(".more").trigger("click")
  expect(count()).toBe(20)
})

it("plays the last week, and says how many of how many requests of which time", async () => {
  const figures = { requests: 90, refused: 0, swaps: 20, ttft_p50_ms: 1000, ttft_p95_ms: 4000, cost: 1 }
  const played = {
    ...{
      from: "2026-11-21T12:00:00.000Z",
      to: "2026-11-22T12:00:00.000Z",
      asked_from: "2026-11-15T12:00:00.000Z",
    },
    ...{ stored: 50_000, read: 20_000, played: 90, noted: 80, unknown_headers: ["x-team"], left_out: {} },
    ...{ as_it_was: figures, with_policy: { ...figures, swaps: 5 }, by_model: [] },
  }
  const { page, last, words } = await shown(explanation(), played)
  await page.get(".replay button").trigger("click")
  await flushPromises()
  expect(last()).toMatchObject({ path: "routing/replay", body: { policy, hours: 168 } })
  expect(words()).toContain(
    "The newest 20,000 of 50,000 requests were looked at, 1d 0h back; 90 were played.",
  )
  expect(words()).toContain("Never kept: x-team.")
  expect(words()).toMatch(/swaps ?20 ?5/)
  // Another span was not played yet.
  await page.get('[aria-label="How far back"]').setValue("24")
  expect(words()).not.toContain("were played")
})
