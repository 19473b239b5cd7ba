// @vitest-environment happy-dom
import { expect, it, vi } from "vitest"
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

it("doubts the connection where the hub has not answered for long, from when it was asked", async () => {
  const { api, show, runWaiting, doubted, now } = cockpit()
  const never = Promise.withResolvers<unknown>()
  api.answers.push(never.promise)
  show(ConnectionBanner)
  now.value = NOW + 10_000
  await vi.waitFor(async () => {
    await runWaiting()
    expect(api.asked).toHaveLength(1)
  })
  expect(doubted).toEqual([])
  now.value = NOW + 15_000
  await runWaiting()
  expect(doubted).toEqual([NOW + 10_000])
})

const health = (db: boolean, nats: boolean) => ({ ok: db && nats, version: "1", db, nats, uptime_s: 1 })

it.each([
  [false, true, "does not reach Postgres"],
  [true, false, "does not reach NATS"],
  [false, false, "neither NATS nor Postgres"],
])("says what the hub does not reach (Postgres %s, NATS %s), once it lasts", async (db, nats, words) => {
  const { api, show, runWaiting } = cockpit()
  const banner = show(ConnectionBanner)
  const shown: boolean[] = []
  for (const answer of [health(true, true), health(db, nats), health(db, nats), health(true, true), null]) {
    const held = Promise.withResolvers<unknown>()
    api.answers.push(held.promise)
    const asked = api.asked.length
    await vi.waitFor(async () => {
      await runWaiting()
      expect(api.asked).toHaveLength(asked + 1)
    })
    // The answer before this question was looked at by now.
    shown.push(banner.text().includes(words))
    held.resolve(answer)
  }
  expect(shown).toEqual([false, false, false, true, false])
  expect(api.asked[0]?.path).toBe("../health")
})
