import { ActivityFrame } from "@boocontrol/shared/frames"
import { instantOf } from "@boocontrol/shared/time"
import { flushPromises } from "@vue/test-utils"
import { afterEach, describe, expect, it, vi } from "vitest"
import { effectScope, nextTick, shallowRef } from "vue"
import { testApp } from "../test/app.ts"
import { NOW, aRow } from "../test/examples.ts"
import { useNotedGaps } from "./noted-gaps.ts"
import { useActivity } from "./store.ts"

const note = (secondsAgo: number, host = "box") => ({
  ...{ provider_id: host, model: "*", state: "gap_suspected", ts: instantOf(NOW - secondsAgo * 1_000) },
  detail: { from: instantOf(NOW - secondsAgo * 1_000 - 8_000), to: instantOf(NOW - secondsAgo * 1_000) },
})
const PAGE = { rows: [note(1)], next: null }
const OTHER_STORE = "0b5f3c1e-0000-4000-8000-000000000002" as never

const scopes: { stop: () => void }[] = []
afterEach(() => {
  for (const scope of scopes.splice(0)) scope.stop()
})

async function rig(...pages: unknown[]) {
  const world = testApp()
  world.api.answers.push(...(pages.length === 0 ? [PAGE] : pages))
  const hosts = shallowRef<readonly string[]>([])
  const scope = effectScope()
  scopes.push(scope)
  const made = scope.run(() =>
    world.run(() => ({ activity: useActivity(), gaps: useNotedGaps(() => hosts.value) })),
  )
  if (!made) throw new Error("the scope had ended")
  const { activity, gaps } = made
  await vi.waitFor(() => expect(gaps.value.length).toBeGreaterThan(0))
  const come = async (...rows: ReturnType<typeof aRow>[]) => {
    activity.apply(ActivityFrame.parse({ type: "control_activity", provider_id: "box", seq: 1, rows }))
    await nextTick()
  }
  return { ...world, hosts, gaps, come }
}

describe("the gaps of hosts", () => {
  it("are asked for once, not with every request that ends", async () => {
    const { api, clock, come } = await rig()
    await come(aRow(1))
    clock.runWaiting()
    await come(aRow(2))
    await come(aRow(3))
    expect(clock.waiting).toHaveLength(0)
    expect(api.asked[0]).toMatchObject({
      path: "model-events",
      query: { provider_id: [], model: "*", state: ["gap_suspected", "spool_dropped"], limit: 1000 },
    })
  })

  it("are those of the hosts that are looked at, and of no others while these are asked for", async () => {
    const { api, gaps, hosts } = await rig()
    api.answers.push({ rows: [note(5, "other")], next: null })
    hosts.value = ["other"]
    await nextTick()
    expect(gaps.value).toEqual([])
    await vi.waitFor(() => expect(gaps.value.map(({ host }) => host)).toEqual(["other"]))
    expect(api.asked.at(-1)?.query).toMatchObject({ provider_id: ["other"] })
  })

  it("are read page by page to the end", async () => {
    const { api, gaps } = await rig({ rows: [note(1)], next: "c1" }, { rows: [note(60)], next: null })
    expect(gaps.value.map(({ toMs }) => (NOW - toMs) / 1_000)).toEqual([1, 60])
    expect(api.asked.map(({ query }) => query["cursor"])).toEqual([null, "c1"])
  })

  it("are read no further than a list can use", async () => {
    const endless = Array.from({ length: 9 }, (_, page) => ({ rows: [note(page)], next: `c${page}` }))
    const { api, gaps } = await rig(...endless)
    expect([gaps.value.length, api.asked.length]).toEqual([5, 5])
  })

  it("are dropped when they answer for hosts that are no longer looked at", async () => {
    const { api, gaps, hosts } = await rig()
    let answerOld: (value: unknown) => void = () => undefined
    api.answers.push(new Promise((resolve) => (answerOld = resolve)), { rows: [note(9, "new")], next: null })
    hosts.value = ["old"]
    await nextTick()
    hosts.value = ["new"]
    await vi.waitFor(() => expect(gaps.value.map(({ host }) => host)).toEqual(["new"]))
    answerOld({ rows: [note(9, "old")], next: null })
    await flushPromises()
    expect(gaps.value.map(({ host }) => host)).toEqual(["new"])
  })

  it("are asked for again when the rows of a host come from another store", async () => {
    const { api, clock, gaps, come } = await rig()
    await come(aRow(1))
    clock.runWaiting()
    const before = api.asked.length
    api.answers.push({ ...PAGE, rows: [] })
    await come(aRow(2, { swap_epoch: OTHER_STORE }))
    clock.runWaiting()
    await vi.waitFor(() => expect(gaps.value).toHaveLength(0))
    expect(api.asked).toHaveLength(before + 1)
  })

  it("stay as they are when the hub does not answer", async () => {
    const { api, clock, gaps, come } = await rig()
    api.answers.push(new Error("down"))
    await come(aRow(1))
    clock.runWaiting()
    await vi.waitFor(() => expect(api.answers).toHaveLength(0))
    expect(gaps.value).toHaveLength(1)
  })
})
