// @vitest-environment happy-dom
import { RoutePolicy } from "@boocontrol/shared/route-policy"
import { flushPromises } from "@vue/test-utils"
import { expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import PolicyEditor from "./PolicyEditor.vue"
import { SCORES, explanation } from "./examples-for-tests.ts"
import { textOf } from "./view.ts"

const policy = RoutePolicy.parse({ name: "work", rules: [{ order: "fast" }] })
const row = {
  name: "work",
  version: 3,
  policy,
  builtin: false,
  created_at: "2026-11-22T12:00:00.000Z",
  created_by: null,
}
const fine = (checked: RoutePolicy) => ({ ok: true, policy: checked, problems: [] })
const bad = {
  ...{ ok: false, policy: null },
  problems: [{ path: "rule 1, order", message: 'must be one of fast, not "sideways": write fast', line: 5 }],
}

async function shown(given: object = { row }) {
  const world = cockpit()
  world.api.answers.push(explanation())
  const page = world.show(PolicyEditor, { policy, scores: SCORES, ...given })
  await flushPromises()
  const area = page.get<HTMLTextAreaElement>("textarea")
  const type = async (text: string, ...answers: unknown[]) => {
    world.api.answers.push(...answers)
    await area.setValue(text)
    await world.runWaiting()
  }
  const button = (text: string) => page.findAll("button").find((one) => one.text() === text)
  return { ...world, page, area, type, button, words: () => wordsOf(page) }
}

it("shows each problem at its line, leads there, and keeps the preview of what was last understood", async () => {
  const { page, area, type, button, words } = await shown()
  const text = textOf(policy).replace('"fast"', '"sideways"')
  await type(text, bad)
  expect(wordsOf(page.get('[aria-label="Problems"]'))).toMatch(/line 5 ?rule 1, order: must be one of fast/)
  expect(page.findAll(".gutter .tone-bad").map((line) => line.text())).toEqual(["5"])
  expect([area.attributes("aria-invalid"), area.attributes("aria-describedby")]).toEqual([
    "true",
    page.get('[role="status"]').attributes("id"),
  ])
  expect(button("Save")?.attributes("disabled")).toBeDefined()
  expect(words()).toContain("Below is what was last understood.")
  expect(words()).toContain("Goes to coder on box")
  await page.get('[aria-label="Problems"] button').trigger("click")
  expect(document.activeElement).toBe(area.element)
  expect(text.slice(area.element.selectionStart, area.element.selectionEnd)).toBe(text.split("\n")[4])
})

it("tells what most likely was not meant, at its line, and has it saved all the same", async () => {
  const { page, area, type, button } = await shown()
  const doubts = [
    { path: "rule 1, candidate 1, hosts", message: 'fits no host: did you mean "box"?', line: 4 },
  ]
  await type(textOf(policy).replace("work", "wark"), { ...fine(policy), doubts }, explanation())
  expect(wordsOf(page.get('[aria-label="Doubts"]'))).toMatch(
    /line 4 ?rule 1, candidate 1, hosts: fits no host/,
  )
  expect(page.findAll(".gutter .tone-warn").map((line) => line.text())).toEqual(["4"])
  expect(area.attributes("aria-invalid")).toBe("false")
  expect(button("Save")?.attributes("disabled")).toBeUndefined()
})

it("checks what was typed once it stays, and tries the changed policy out", async () => {
  const { api, type, button } = await shown()
  const changed = { ...policy, description: "changed" }
  await type(textOf(changed), fine(changed), explanation())
  expect(api.asked.slice(1).map(({ path }) => path)).toEqual(["routing/policies/check", "routing/explain"])
  expect(api.asked.at(-1)?.body).toMatchObject({ policy: changed })
  expect(button("Save")?.attributes("disabled")).toBeUndefined()
})

it("changes the text by its form", async () => {
  const { page, area } = await shown()
  await page.get(".form select").setValue("cheap")
  expect(RoutePolicy.parse(JSON.parse(area.element.value)).rules[0]?.order).toBe("cheap")
})

it("saves over the version that was edited, and says why where it cannot", async () => {
  const { api, page, button } = await shown()
  api.failPut = new ApiError("work was changed meanwhile", { code: "POLICY_CHANGED", status: 409 })
  await button("Save")?.trigger("click")
  await flushPromises()
  expect(api.asked.at(-1)).toMatchObject({
    path: "routing/policies/work",
    body: { version: 3, yaml: textOf(policy) },
  })
  expect(wordsOf(page.get('[role="alert"]'))).toBe("work was changed meanwhile")
  expect(page.emitted("saved")).toBeUndefined()
  api.failPut = null
  await button("Save")?.trigger("click")
  await flushPromises()
  expect(page.emitted("saved")).toHaveLength(1)
})

it("deletes a policy only once it was said what that does", async () => {
  const { api, page, button, words } = await shown()
  await button("Delete")?.trigger("click")
  expect(words()).toContain("Whoever asks for auto:work is refused from then on.")
  await button("Keep it")?.trigger("click")
  expect(button("Delete auto:work")).toBeUndefined()
  expect(api.asked.map(({ path }) => path)).not.toContain("routing/policies/work")
  await button("Delete")?.trigger("click")
  await button("Delete auto:work")?.trigger("click")
  await flushPromises()
  expect(api.asked.at(-1)).toMatchObject({ path: "routing/policies/work" })
  expect([page.emitted("saved"), page.emitted("close")]).toEqual([[[]], [[]]])
})

it("makes a new policy, and has nothing to delete then", async () => {
  const { api, page, button } = await shown({ row: null })
  expect(button("Delete")).toBeUndefined()
  api.answers.push({ ...row, version: 1 })
  await button("Save")?.trigger("click")
  await flushPromises()
  expect(api.asked.at(-1)).toMatchObject({ path: "routing/policies", body: { yaml: textOf(policy) } })
  expect(page.emitted("saved")).toHaveLength(1)
})
