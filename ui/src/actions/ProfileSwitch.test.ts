// @vitest-environment happy-dom
import { expect, it } from "vitest"
import { aHost } from "../test/examples.ts"
import { cockpit } from "../test/mounted.ts"
import ProfileSwitch from "./ProfileSwitch.vue"

it("asks for a profile by the name that was typed, and waits until the hub shows it", async () => {
  const host = aHost()
  const { api, show } = cockpit([host])
  const shown = show(ProfileSwitch, { host })
  await shown.get("input").setValue(" night ")
  await shown.get("form").trigger("submit")
  await shown.vm.$nextTick()
  expect(shown.get("button[type=submit]").text()).toBe("Asked, waiting")
  expect(shown.get("input").element.value).toBe("")
  await expect
    .poll(() => api.asked.map(({ body }) => body))
    .toEqual([{ action: "profile", profile: "night" }])
})

it("leaves it, and asks for nothing without a name", async () => {
  const host = aHost()
  const { api, show } = cockpit([host])
  const shown = show(ProfileSwitch, { host })
  await shown.get("form").trigger("submit")
  await shown.get("button[type=button]").trigger("click")
  await expect.poll(() => api.asked.map(({ body }) => body)).toEqual([{ action: "profile", profile: null }])
})

it("can not be asked of a host that is down", () => {
  const host = aHost({ liveness: "down" })
  const shown = cockpit([host]).show(ProfileSwitch, { host })
  expect(shown.get("button[type=button]").attributes("disabled")).toBeDefined()
})
