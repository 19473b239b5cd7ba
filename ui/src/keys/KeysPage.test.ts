// @vitest-environment happy-dom
import { flushPromises } from "@vue/test-utils"
import { expect, it } from "vitest"
import { instantOf } from "@boocontrol/shared/time"
import { ApiError } from "../platform/api.ts"
import { SCORES } from "../routing/examples-for-tests.ts"
import { NOW } from "../test/examples.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import KeysPage from "./KeysPage.vue"
import { aKey } from "./examples-for-tests.ts"
// The page brings it in later, which takes longer than a test waits.
import "./schemas.ts"

const listOf = (...rows: unknown[]) => ({ rows, next: null })
const used = aKey("boochat", {
  ...{ requests_per_min: 60, last_used_at: instantOf(NOW - 180_000), models: ["auto:*"] },
  last_used_by: { source: "boochat", client_ip: "10.0.0.7", user_agent: "curl/8.5.0" },
})
const refused = new ApiError("The token eyes may only read", { code: "READ_ONLY_TOKEN", status: 403 })

async function shown(...answers: unknown[]) {
  const world = cockpit()
  world.api.answers.push(...answers)
  const page = world.show(KeysPage)
  await world.runWaiting()
  const button = (text: string) => page.findAll("button").find((one) => one.text() === text)
  const click = async (text: string) => {
    await button(text)?.trigger("click")
    await flushPromises()
  }
  return { ...world, page, button, click, words: () => wordsOf(page) }
}

/** The dialog of a new key, with the models that are there. */
async function making(...answers: unknown[]) {
  const world = await shown(listOf(), SCORES, ...answers)
  await world.click("New key")
  const { page } = world
  const field = (name: string) => {
    const id = page
      .findAll("label")
      .find((one) => one.text() === name)
      ?.attributes("for")
    return page.get<HTMLInputElement>(`[id="${id}"]`)
  }
  const submit = async () => {
    await page.get("form").trigger("submit")
    await flushPromises()
  }
  const escape = async () => {
    const event = new KeyboardEvent("keydown", { key: "Escape", cancelable: true, bubbles: true })
    page.get("dialog").element.dispatchEvent(event)
    await flushPromises()
    return event.defaultPrevented
  }
  return { ...world, field, submit, escape }
}

it("lists keys with what they may, what they used, and who used them last", async () => {
  const { page, words } = await shown(listOf(used, aKey("old", { expires_at: instantOf(NOW - 1) })))
  const rows = page.findAll("tbody tr").map(wordsOf)
  expect(rows[0]).toMatch(
    /boochat.*auto:\*.*0 of 60 requests.*never.*3 min ago ?boochat from 10\.0\.0\.7, curl/,
  )
  expect(rows[1]).toMatch(/old ?expired.*expired just now/)
  expect(words()).not.toContain("revoked key")
})

it("says what keys are for where there is none, and why where they cannot be read", async () => {
  const empty = await shown(listOf())
  expect(empty.words()).toContain("On loopback without BOO_ADMIN_TOKEN nobody needs one.")
  const failed = await shown(refused, listOf(used))
  expect(failed.words()).toContain(
    "Keys are shown to tokens of role read; making and revoking them takes one",
  )
  await failed.click("Try again")
  expect(failed.page.find('[data-key="boochat"]').exists()).toBe(true)
})

it("keeps the keys it knows when the hub does not answer, and says as of when", async () => {
  const world = await shown(listOf(used))
  world.now.value += 60_000
  world.api.answers.push(new ApiError("The hub does not answer", { code: "UNREACHABLE", status: null }))
  await world.runWaiting()
  expect(world.words()).toContain("The hub does not answer. These are the keys as they were 1 min ago")
  expect(world.page.find('[data-key="boochat"]').exists()).toBe(true)
})

it("folds revoked keys away", async () => {
  const { page, click } = await shown(listOf(used, aKey("gone", { revoked_at: instantOf(NOW) })))
  expect(page.find('[data-key="gone"]').exists()).toBe(false)
  await click("Show 1 revoked key")
  expect(page.get('[data-key="gone"]').findAll("button")).toEqual([])
})

it("names what is wrong with a field, goes there, and asks for nothing", async () => {
  const { api, page, field, submit, words } = await making()
  await field("Label").setValue("My App")
  expect(words()).not.toContain("such as my-app")
  await field("Label").trigger("blur")
  expect(words()).toContain("Only a-z, 0-9 and -, such as my-app")
  await field("Label").setValue("my-app")
  await field("Tokens per day").setValue("many")
  await submit()
  expect(document.activeElement).toBe(field("Tokens per day").element)
  const described = field("Tokens per day").attributes("aria-describedby")
  expect(page.get(`[id="${described}"]`).text()).toBe("A whole number above 0, or nothing for no limit")
  expect(api.asked.map(({ path }) => path)).toEqual(["keys", "routing/scores"])
})

it("takes models from the list and patterns as they are typed", async () => {
  const { api, page, field, submit } = await making(new Error("not of interest"))
  const models = page.get<HTMLInputElement>('[role="combobox"]')
  for (const name of ["coder", "nosuch*"]) {
    await models.setValue(name)
    await models.trigger("keydown.enter")
    await flushPromises()
    expect(models.element.value).toBe("")
  }
  expect(wordsOf(page.get(".models"))).toContain("Nothing is named nosuch* now")
  await field("Label").setValue("x")
  await submit()
  expect(api.asked.at(-1)).toMatchObject({ path: "keys", body: { label: "x", models: ["coder", "nosuch*"] } })
})

it("shows a new key once, and asks before it is lost", async () => {
  const made = { ...used, key: "boo-secret" }
  const providers = listOf({
    ...{ id: "boocontrol", kind: "boocontrol-gateway", base_url: "http://hub:1", enabled: true },
  })
  const { page, field, submit, escape, click, words } = await making(made, listOf(used), providers)
  await field("Label").setValue("boochat")
  await submit()
  expect(page.get('[aria-label="The key"]').text()).toBe("boo-secret")
  expect(words()).toContain("it will not be shown again")
  expect(await escape()).toBe(true)
  expect(words()).toContain("The key was not copied.")
  await click("Back to the key")
  await page.get(".made").trigger("copy")
  await click("Done")
  expect(page.find("dialog").exists()).toBe(false)
  expect(page.html()).not.toContain("boo-secret")
})

it("asks before what was typed is thrown away, and not where nothing was", async () => {
  const { page, field, escape, click, words } = await making()
  expect(await escape()).toBe(false)
  await field("Label").setValue("half")
  expect(await escape()).toBe(true)
  expect(words()).toContain("What you typed is not saved.")
  await click("Go on editing")
  expect(field("Label").element.value).toBe("half")
  await click("Cancel")
  await click("Discard it")
  expect(page.find("dialog").exists()).toBe(false)
})

it("says why a key was not made, and by whom it can be", async () => {
  const { page, field, submit } = await making(refused)
  await field("Label").setValue("boochat")
  await submit()
  expect(wordsOf(page.get('[role="alert"]'))).toContain("takes one of role admin")
  expect(field("Label").element.value).toBe("boochat")
})

it("revokes a key only once it was said what that stops, and for whom", async () => {
  const { api, page, click, words } = await shown(listOf(used))
  await click("Revoke")
  expect(words()).toMatch(/Last used ?3 min ago by boochat from 10\.0\.0\.7, curl\/8\.5\.0/)
  await click("Keep it")
  expect(api.asked).toHaveLength(1)
  await click("Revoke")
  api.answers.push(listOf({ ...used, revoked_at: instantOf(NOW) }))
  await click("Revoke boochat")
  expect(api.asked.map(({ path }) => path)).toEqual(["keys", `keys/${used.id}`, "keys"])
  expect(words()).toContain("No key is in force")
  expect(document.activeElement?.textContent).toBe("New key")
  expect(page.find("dialog").exists()).toBe(false)
})
