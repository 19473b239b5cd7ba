// @vitest-environment happy-dom
import { expect, it } from "vitest"
import { clockMinute } from "../kit/format.ts"
import { NOW } from "../test/examples.ts"
import { cockpit } from "../test/mounted.ts"
import ConnectionBanner from "./ConnectionBanner.vue"

function lost(wasOpen: boolean) {
  const rig = cockpit()
  rig.status.value = { ...rig.status.value, phase: "waiting", lostAt: NOW, wasOpen }
  return { ...rig, banner: rig.show(ConnectionBanner) }
}

it("says nothing while the hub is heard, nor of a short hiccup", async () => {
  expect(cockpit().show(ConnectionBanner).find("[role=alert]").exists()).toBe(false)
  const { banner, now } = lost(true)
  now.value = NOW + 2000
  await banner.vm.$nextTick()
  expect(banner.find("[role=alert]").exists()).toBe(false)
})

it("says since when what is on screen is only the last known, and goes when the hub is back", async () => {
  const { banner, now, status } = lost(true)
  now.value = NOW + 3000
  await banner.vm.$nextTick()
  expect(banner.get("[role=alert]").text()).toBe(
    `Not connected to the hub since ${clockMinute(NOW)}, showing what was last known`,
  )
  status.value = { ...status.value, phase: "open", lostAt: null }
  await banner.vm.$nextTick()
  expect(banner.find("[role=alert]").exists()).toBe(false)
})

it("does not speak of a lost connection where there has never been one", async () => {
  const { banner, now } = lost(false)
  now.value = NOW + 3000
  await banner.vm.$nextTick()
  expect(banner.get("[role=alert]").text()).toContain("The hub does not answer")
})
