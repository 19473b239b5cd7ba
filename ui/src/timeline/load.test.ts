import { HostId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { expect, it, vi } from "vitest"
import { effectScope, shallowRef } from "vue"
import { gapsIn } from "../activity/gaps.ts"
import { gapsWithin } from "../hosts/view/timeline.ts"
import { testApp } from "../test/app.ts"
import { NOW } from "../test/examples.ts"
import { useTimelineData } from "./load.ts"
import { entriesOf, listed, marksOf } from "./view/tracks.ts"
import type { TimeWindow } from "./view/window.ts"

const HOUR_MS = 3_600_000
const at = (hoursAgo: number) => instantOf(NOW - hoursAgo * HOUR_MS)
const note = (fromHoursAgo: number, toHoursAgo: number) => ({
  ...{ provider_id: "box", model: "*", state: "gap_suspected", ts: at(toHoursAgo) },
  detail: { from: at(fromHoursAgo), to: at(toHoursAgo) },
})
const WINDOW = { fromMs: NOW - 6 * HOUR_MS, toMs: NOW - 5 * HOUR_MS }

/** A host that noted, newest first, one gap within the last hour and one outage of which the window is a part. */
async function rig(events: unknown[] = []) {
  const { api, run } = testApp()
  const range = { provider_id: "box", from: at(6), to: at(5) }
  const nothing = { rows: [], next: null }
  api.answers.push(
    { ...range, tier: "raw", step_s: 1, gpus: [], sys: {}, missing: [], backfilled: [] },
    { rows: events, next: null },
    { rows: [note(0.9, 0.8), note(8, 2)], next: null },
    nothing,
    { ...range, power_step_s: 10, lost_ms: 0, lost_joules: 0, thrash: [], energy: [], models: [] },
    nothing,
  )
  const scope = effectScope()
  const { data } = scope.run(() =>
    run(() => useTimelineData(HostId.parse("box"), shallowRef<TimeWindow>({ kind: "fixed", ...WINDOW }))),
  ) ?? { data: shallowRef(null) }
  await vi.waitFor(() => expect(data.value).not.toBeNull())
  const found = data.value ?? { events: [], span: WINDOW }
  return { api, found, stop: () => scope.stop() }
}

it("a window within an outage has its gap, though that was noted hours later", async () => {
  const { api, found, stop } = await rig()
  expect(gapsWithin(gapsIn(found.events), found.span)).toMatchObject([
    { fromMs: NOW - 8 * HOUR_MS, toMs: NOW - 2 * HOUR_MS },
  ])
  const asked = api.asked.find((one) => one.query["state"] !== undefined)?.query
  expect(asked).toMatchObject({ provider_id: ["box"], model: "*", from: at(6) })
  expect(asked?.["to"]).toBeUndefined()
  stop()
})

it("the list of that window tells the outage, and not the gap that came after", async () => {
  const { found, stop } = await rig()
  const marks = marksOf({ events: found.events, swaps: null, actions: [], lease: null })
  const { entries } = entriesOf({ requests: [], ...listed({ events: found.events, marks }, found.span) })
  expect(entries.map(({ atMs, bad }) => [atMs, bad])).toEqual([[NOW - 8 * HOUR_MS, true]])
  stop()
})

it("a gap that was noted within the window is told once", async () => {
  const { found, stop } = await rig([note(8, 2)])
  expect(gapsIn(found.events)).toHaveLength(2)
  stop()
})
