// @vitest-environment happy-dom
import { RoutePolicy } from "@boocontrol/shared/route-policy"
import { flushPromises } from "@vue/test-utils"
import { expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import TargetsPanel from "./TargetsPanel.vue"
import { SCORES, aTarget, targetScore } from "./examples-for-tests.ts"

const listOf = (...rows: unknown[]) => ({ rows, next: null })
const dear = {
  ...{ name: "dear", version: 1, builtin: false, created_at: "2026-11-22T12:00:00.000Z", created_by: null },
  policy: RoutePolicy.parse({ name: "dear", rules: [{ candidates: [{ targets: ["deep*"] }] }] }),
}
const refused = new ApiError("The token eyes may only read", { code: "READ_ONLY_TOKEN", status: 403 })

async function shown(...answers: unknown[]) {
  const world = cockpit()
  world.api.answers.push(...answers)
  const scores = { ...SCORES, rows: [targetScore("deepseek-chat")] }
  const page = world.show(TargetsPanel, { policies: [dear], scores })
  await world.runWaiting()
  const click = async (text: string) => {
    await page
      .findAll("button")
      .find((one) => one.text() === text)
      ?.trigger("click")
    await flushPromises()
  }
  const field = (name: string) => {
    const id = page
      .findAll("label")
      .find((one) => one.text() === name)
      ?.attributes("for")
    return page.get<HTMLInputElement>(`[id="${id}"]`)
  }
  const save = async () => {
    await page.get("form").trigger("submit")
    await flushPromises()
  }
  return { ...world, page, click, field, save, words: () => wordsOf(page) }
}

it("lists targets with what they have, cost and do, and who uses them", async () => {
  const { page } = await shown(listOf(aTarget()))
  const words = wordsOf(page.get('[data-target="deepseek"]'))
  for (const part of [
    ...["DeepSeek", "ready", "https://api.deepseek.com", "credential set", "3 of 16 at once"],
    ...["Sent: chat/completions, completions", "Used by auto:dear", "0.27 in, 1.10 out, context 125k"],
  ])
    expect(words).toContain(part)
})

it("says what targets are for where there is none, and why where they cannot be read", async () => {
  expect((await shown(listOf())).words()).toContain("it gets a request only where a policy names it")
  expect((await shown(refused)).words()).toContain("Targets are changed with the administrator's token")
})

it("adds a target once every field is right, and goes to the first that is not", async () => {
  const { api, page, click, field, save, words } = await shown(listOf())
  await click("New target")
  await field("Id").setValue("deepseek")
  await save()
  expect(document.activeElement).toBe(field("Name").element)
  expect(words()).toContain("Give it a name to be read")
  for (const [name, text] of [
    ...[
      ["Name", "DeepSeek"],
      ["Address", "https://api.deepseek.com"],
      ["Credential", "sk-1"],
    ],
    ...[
      ["Model", "deepseek-chat"],
      ["In", "0.27"],
      ["Out", "1.1"],
    ],
  ] as const)
    await field(name).setValue(text)
  api.answers.push(aTarget(), listOf(aTarget()))
  await save()
  expect(api.asked.at(-2)).toMatchObject({
    path: "routing/targets",
    body: {
      target_id: "deepseek",
      credential: "sk-1",
      models: [{ id: "deepseek-chat", input_per_mtok: 0.27 }],
    },
  })
  expect(page.find("dialog").exists()).toBe(false)
  expect(page.emitted("changed")).toHaveLength(1)
})

it("changes what was changed, never shows the credential, and keeps it where nothing is typed", async () => {
  const { api, click, field, save, words } = await shown(listOf(aTarget()))
  await click("Edit")
  expect(field("Credential").element).toMatchObject({ value: "", type: "password" })
  expect(field("Credential").attributes("placeholder")).toBe("set; left empty it stays")
  await field("Address").setValue("https://other.example")
  expect(words()).toContain("The credential that is kept goes to the new address from then on")
  api.answers.push(listOf(aTarget()))
  await save()
  expect(api.asked.at(-2)).toMatchObject({ path: "routing/targets/deepseek" })
  expect(api.asked.at(-2)?.body).toEqual({ base_url: "https://other.example" })
})

it("keeps what was typed where it is refused, and says by whom it can be done", async () => {
  const { api, page, click, field, save } = await shown(listOf(aTarget()))
  await click("Edit")
  await field("Name").setValue("Deep")
  api.failPut = refused
  await save()
  expect(wordsOf(page.get('[role="alert"]'))).toContain("one of role admin")
  expect(field("Name").element.value).toBe("Deep")
})

it("asks before what was typed is thrown away", async () => {
  const { page, click, field, words } = await shown(listOf(aTarget()))
  await click("Edit")
  await field("Name").setValue("Deep")
  await click("Cancel")
  expect(words()).toContain("What you changed is not saved.")
  await click("Go on editing")
  expect(field("Name").element.value).toBe("Deep")
  await click("Cancel")
  await click("Discard it")
  expect(page.find("dialog").exists()).toBe(false)
})

it("deletes a target only once it was said which policies lose it", async () => {
  const { api, page, click, words } = await shown(listOf(aTarget()), listOf())
  await click("Edit")
  await click("Delete")
  expect(words()).toContain("auto:dear loses it as a candidate; who asks for deepseek/… is refused")
  await click("Keep it")
  expect(words()).not.toContain("loses it")
  expect(api.asked).toHaveLength(1)
  await click("Delete")
  await click("Delete DeepSeek")
  expect(api.asked.map(({ path }) => path)).toEqual([
    ...["routing/targets", "routing/targets/deepseek", "routing/targets"],
  ])
  expect(document.activeElement?.textContent).toBe("New target")
  expect(page.find("[data-target]").exists()).toBe(false)
})

it("says what is wrong with a field that was left, but not while a button is pressed", async () => {
  const { page, click, field, words } = await shown(listOf())
  await click("New target")
  await field("Id").setValue("Deep Seek")
  const leave = (relatedTarget: Element | undefined) => field("Id").trigger("blur", { relatedTarget })
  await leave(page.get("button[type=submit]").element)
  expect(words()).not.toContain("such as deep-seek")
  await leave(field("Name").element)
  expect(words()).toContain("such as deep-seek")
})
