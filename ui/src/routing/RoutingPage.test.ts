// @vitest-environment happy-dom
import { RoutePolicy } from "@boocontrol/shared/route-policy"
import { flushPromises } from "@vue/test-utils"
import { expect, it } from "vitest"
import type { Router } from "vue-router"
import { cockpit, wordsOf } from "../test/mounted.ts"
import RoutingPage from "./RoutingPage.vue"
import { SCORES } from "./examples-for-tests.ts"

const row = (name: string) => ({
  ...{ name, version: 1, builtin: false, created_at: "2026-11-22T12:00:00.000Z", created_by: null },
  policy: RoutePolicy.parse({ name, rules: [{ order: "fast" }] }),
})

async function shown() {
  const world = cockpit()
  world.api.answers.push({ rows: [row("work"), row("play")], next: null }, SCORES)
  const page = world.show(RoutingPage)
  await world.runWaiting()
  const click = async (text: string) => {
    await page
      .findAll("button")
      .find((one) => one.text().startsWith(text))
      ?.trigger("click")
    await flushPromises()
  }
  const text = () => page.find<HTMLTextAreaElement>("textarea")
  const router: Router = page.vm.$router
  await router.push("/routing")
  return { page, click, text, router, words: () => wordsOf(page) }
}

it("opens one policy after the other, and closes it", async () => {
  const { click, text } = await shown()
  await click("auto:work")
  expect(text().element.value).toContain('"work"')
  await click("auto:play")
  expect(text().element.value).toContain('"play"')
  await click("Close")
  expect(text().exists()).toBe(false)
})

it.each(["auto:play", "New policy", "Close"])("asks before %s throws away what was typed", async (next) => {
  const { click, text, words } = await shown()
  await click("auto:work")
  await text().setValue("name: work, half typed")
  await click(next)
  expect(words()).toContain("What you changed in auto:work is not saved.")
  await click("Go on editing")
  expect(words()).not.toContain("is not saved")
  expect(text().element.value).toBe("name: work, half typed")
  await click(next)
  await click("Discard it")
  expect(words()).not.toContain("is not saved")
  expect(text().exists() && text().element.value.includes("half typed")).toBe(false)
})

it("asks before another page or a closed tab throws away what was typed", async () => {
  const { click, text, router, words } = await shown()
  const unload = () => {
    const event = new Event("beforeunload", { cancelable: true })
    dispatchEvent(event)
    return event.defaultPrevented
  }
  await click("auto:work")
  expect(unload()).toBe(false)
  await text().setValue("name: work, half typed")
  expect(unload()).toBe(true)
  await router.push("/activity")
  expect(router.currentRoute.value.path).toBe("/routing")
  expect(words()).toContain("What you changed in auto:work is not saved.")
  await click("Discard it")
  await expect.poll(() => router.currentRoute.value.path).toBe("/activity")
  expect(unload()).toBe(false)
})
