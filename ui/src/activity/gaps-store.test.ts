import { ActivityFrame } from "@boocontrol/shared/frames"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it, vi } from "vitest"
import { nextTick } from "vue"
import { testApp } from "../test/app.ts"
import { NOW, aRow } from "../test/examples.ts"
import { useGaps } from "./gaps-store.ts"
import { useActivity } from "./store.ts"

const detail = { from: instantOf(NOW - 9_000), to: instantOf(NOW - 1_000) }
const PAGE = {
  rows: [{ provider_id: "box", model: "*", state: "gap_suspected", ts: instantOf(NOW), detail }],
  next: null,
}
const OTHER_STORE = "0b5f3c1e-0000-4000-8000-000000000002" as never

async function rig() {
  const world = testApp()
  world.api.answers.push(PAGE)
  const [activity, gaps] = world.run(() => [useActivity(), useGaps()] as const)
  await vi.waitFor(() => expect(gaps.gaps).toHaveLength(1))
  const come = async (...rows: ReturnType<typeof aRow>[]) => {
    activity.apply(ActivityFrame.parse({ type: "control_activity", provider_id: "box", seq: 1, rows }))
    await nextTick()
  }
  return { ...world, gaps, come }
}

describe("the gaps of all hosts", () => {
  it("are asked for once, not with every request that ends", async () => {
    const { api, clock, come } = await rig()
    await come(aRow(1))
    clock.runWaiting()
    await come(aRow(2))
    await come(aRow(3))
    expect(clock.waiting).toHaveLength(0)
    expect(api.asked[0]).toEqual({
      path: "model-events",
      query: { model: "*", state: "gap_suspected", limit: 1000 },
    })
  })

  it("are asked for again when the rows of a host come from another store", async () => {
    const { api, clock, gaps, come } = await rig()
    await come(aRow(1))
    clock.runWaiting()
    const before = api.asked.length
    api.answers.push({ ...PAGE, rows: [] })
    await come(aRow(2, { swap_epoch: OTHER_STORE }))
    clock.runWaiting()
    await vi.waitFor(() => expect(gaps.gaps).toHaveLength(0))
    expect(api.asked).toHaveLength(before + 1)
  })

  it("stay as they are when the hub does not answer", async () => {
    const { api, gaps } = await rig()
    api.answers.push(new Error("down"))
    await gaps.load()
    expect(gaps.gaps).toHaveLength(1)
  })
})
