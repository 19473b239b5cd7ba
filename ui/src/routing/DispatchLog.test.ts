// @vitest-environment happy-dom
import { expect, it } from "vitest"
import { flushPromises } from "@vue/test-utils"
import { ApiError } from "../platform/api.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import DispatchLog from "./DispatchLog.vue"
import { SCORES, decision } from "./examples-for-tests.ts"

const pageOf = (rows: readonly unknown[], next: string | null = null) => ({ rows, next })
const away = new ApiError("The hub does not answer", { code: "UNREACHABLE", status: null })

async function shown(...answers: unknown[]) {
  const world = cockpit()
  world.api.answers.push(...answers)
  const page = world.show(DispatchLog, { scores: SCORES })
  await world.runWaiting()
  const names = () => page.findAll("button.row").map((row) => row.get("b").text())
  return { ...world, page, names, words: () => wordsOf(page) }
}

it("opens a decision with all its candidates, and what it was asked with", async () => {
  const noted = { tools: true, images: false, asked_tokens: 1200, headers: { "x-team": "red" } }
  const { page, words } = await shown(pageOf([decision("1", noted), decision("2")]))
  const [first] = page.findAll("button.row")
  expect(first?.attributes("aria-expanded")).toBe("false")
  await first?.trigger("click")
  expect(first?.attributes("aria-expanded")).toBe("true")
  expect(words()).toContain("policy work, agents")
  expect(words()).toMatch(/messages ?tools ?prompt taken for 1,200 tokens ?x-team: red/)
  expect(page.findAll('[aria-label="Candidates, best first"] > li').map(wordsOf)).toEqual([
    expect.stringMatching(/chosen.*on box.*why box/),
    expect.stringMatching(/beaten.*on lab.*why lab/),
  ])
  expect(page.get(".link").attributes("href")).toBe("/activity?q=r-1")
  await first?.trigger("click")
  expect(words()).not.toContain("why lab")
})

it("tells the whole reason of one that failed, which its line has no room for", async () => {
  const reason =
    "tls: its certificate is not valid here (self-signed): have one of a known authority put there"
  const { page } = await shown(pageOf([decision("1", { outcome: "failed", reason })]))
  await page.get("button.row").trigger("click")
  expect(page.get(".details .reason").text()).toBe(reason)
})

it("says that it is loading, that there is nothing, and that nothing is like that", async () => {
  const { page, words, api, runWaiting } = await shown(pageOf([]))
  expect(words()).toContain("No request has come through the gateway yet.")
  expect(words()).toContain(`${new URL("./", document.baseURI).href}v1`)
  api.answers.push(pageOf([]))
  await page.get('[aria-label="Source"]').setValue("nobody")
  await page.get('[aria-label="Source"]').trigger("keydown", { key: "Enter" })
  expect(page.find('[aria-label="Decisions are loading"]').exists()).toBe(true)
  await flushPromises()
  expect(words()).toContain("No decision is like that.")
  api.answers.push(pageOf([decision("1")]))
  await page.get(".clear").trigger("click")
  await runWaiting()
  expect(api.asked.at(-1)?.query).toEqual({ asked_model: "", source: "", provider_id: "", limit: 100 })
  expect(page.findAll("button.row")).toHaveLength(1)
})

it("says why it has nothing to show, and tries again", async () => {
  const { page, api, names } = await shown(away)
  expect(wordsOf(page.get('[role="alert"]'))).toMatch(/The hub does not answer ?Try again/)
  api.answers.push(pageOf([decision("1")]))
  await page.get(".again").trigger("click")
  await flushPromises()
  expect(names()).toEqual(["auto:work"])
})

it("is narrowed to a model with the keyboard", async () => {
  const { page, api, names } = await shown(pageOf([decision("1"), decision("2", { asked_model: "coder" })]))
  api.answers.push(pageOf([decision("2", { asked_model: "coder" })]))
  const input = page.get('[aria-label="Model asked for"][role="combobox"]')
  await input.trigger("keydown", { key: "ArrowDown" })
  await input.trigger("keydown", { key: "ArrowDown" })
  await input.trigger("keydown", { key: "ArrowDown" })
  await input.trigger("keydown", { key: "ArrowUp" })
  await input.trigger("keydown", { key: "ArrowUp" })
  await input.trigger("keydown", { key: "Enter" })
  await flushPromises()
  expect(api.asked.at(-1)?.query).toMatchObject({ asked_model: "coder" })
  expect(names()).toEqual(["coder"])
})

it("reads older pages, and keeps them when newer decisions come", async () => {
  const named = (id: string) => decision(id, { asked_model: id })
  const { page, api, names, runWaiting } = await shown(pageOf([named("4"), named("3")], "after-3"))
  api.answers.push(pageOf([named("2"), named("1")]))
  await page.get(".older button").trigger("click")
  await flushPromises()
  expect(api.asked.at(-1)?.query).toMatchObject({ cursor: "after-3" })
  expect([names(), page.find(".older").exists()]).toEqual([["4", "3", "2", "1"], false])
  api.answers.push(pageOf([named("5"), named("4")], "after-4"))
  await runWaiting()
  expect(names()).toEqual(["5", "4", "3", "2", "1"])
  // So many came that some were not read: what follows is asked for again.
  api.answers.push(pageOf([named("9"), named("8")], "after-8"))
  await runWaiting()
  expect([names(), page.find(".older").exists()]).toEqual([["9", "8"], true])
})

it("says at its place that an older page did not come", async () => {
  const { page, api, names } = await shown(pageOf([decision("1")], "after-1"))
  api.answers.push(away)
  await page.get(".older button").trigger("click")
  await flushPromises()
  expect([wordsOf(page.get('.older [role="alert"]')), names().length]).toEqual(["The hub does not answer", 1])
})
