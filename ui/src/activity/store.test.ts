import { ActivityFrame } from "@boocontrol/shared/frames"
import type { ActivityRow } from "@boocontrol/shared/activity"
import { describe, expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { testApp } from "../test/app.ts"
import { aRow } from "../test/examples.ts"
import { NO_FILTERS } from "./filters.ts"
import { useActivity } from "./store.ts"

function rig() {
  const world = testApp()
  return { ...world, activity: world.run(() => useActivity()) }
}
const frame = (...rows: ActivityRow[]) =>
  ActivityFrame.parse({ type: "control_activity", provider_id: "box", seq: 1, rows })
const entries = (rows: readonly ActivityRow[]) => rows.map((row) => row.swap_entry_id)

describe("the activity store", () => {
  it("puts live rows on top of the page it loaded", async () => {
    const { activity, api } = rig()
    api.answers.push({ rows: [aRow(2), aRow(1)], next: null })
    await activity.open(NO_FILTERS)
    activity.apply(frame(aRow(3)))
    expect(entries(activity.list.rows)).toEqual([3, 2, 1])
    expect(entries(activity.recent)).toEqual([3])
  })

  it("lets rows wait above while somebody reads, updates what is read, and shows all when released", async () => {
    const { activity, api } = rig()
    api.answers.push({ rows: [aRow(2), aRow(1)], next: null })
    await activity.open(NO_FILTERS)
    activity.hold(true)
    activity.apply(frame(aRow(1, { source: "boocoder" }), aRow(3), aRow(4)))
    expect(entries(activity.list.rows)).toEqual([2, 1])
    expect(activity.list.rows[1]?.source).toBe("boocoder")
    expect(entries(activity.list.above)).toEqual([4, 3])
    activity.hold(false)
    expect(entries(activity.list.rows)).toEqual([4, 3, 2, 1])
    expect(activity.list.above).toEqual([])
  })

  it("keeps live rows out that the filters leave out", async () => {
    const { activity, api } = rig()
    api.answers.push({ rows: [], next: null })
    await activity.open({ ...NO_FILTERS, sources: ["arena"] })
    activity.apply(frame(aRow(1), aRow(2, { source: "arena" })))
    expect(entries(activity.list.rows)).toEqual([2])
    expect(entries(activity.recent)).toEqual([2, 1])
  })

  it("drops the answer to filters that were changed since", async () => {
    const { activity, api } = rig()
    let answerOld: (value: unknown) => void = () => undefined
    api.answers.push(new Promise((resolve) => (answerOld = resolve)), { rows: [aRow(9)], next: null })
    const old = activity.open({ ...NO_FILTERS, text: "old" })
    await activity.open({ ...NO_FILTERS, text: "qwen" })
    answerOld({ rows: [aRow(1)], next: null })
    await old
    expect(entries(activity.list.rows)).toEqual([9])
  })

  it("goes back page by page, and stops at the beginning of history", async () => {
    const { activity, api } = rig()
    api.answers.push({ rows: [aRow(3)], next: "c1" }, { rows: [aRow(2)], next: null })
    await activity.open(NO_FILTERS)
    await activity.loadOlder()
    await activity.loadOlder()
    expect(entries(activity.list.rows)).toEqual([3, 2])
    expect(api.asked.map(({ query }) => query["cursor"])).toEqual([null, "c1"])
  })

  it("keeps what it has when an older page fails, and tries that page again", async () => {
    const { activity, api } = rig()
    const down = new ApiError("The hub does not answer", { code: "UNREACHABLE", status: null })
    api.answers.push({ rows: [aRow(3)], next: "c1" }, down, { rows: [aRow(2)], next: null })
    await activity.open(NO_FILTERS)
    await activity.loadOlder()
    expect(activity.list).toMatchObject({ phase: "failed", error: down })
    await activity.retry()
    expect(entries(activity.list.rows)).toEqual([3, 2])
    expect(api.asked.at(-1)?.query["cursor"]).toBe("c1")
  })

  it("closes the hole that a lost connection left, or begins anew where it is too large", async () => {
    const { activity, api } = rig()
    api.answers.push({ rows: [aRow(2), aRow(1)], next: "more" })
    await activity.open(NO_FILTERS)
    activity.apply(frame(aRow(3)))
    api.answers.push({ rows: [aRow(5), aRow(4), aRow(3)], next: "more" })
    await activity.loadRecent()
    expect(entries(activity.list.rows)).toEqual([5, 4, 3, 2, 1])
    api.answers.push({ rows: [aRow(90)], next: "more" }, { rows: [aRow(90), aRow(89)], next: "more" })
    await activity.loadRecent()
    expect(entries(activity.recent)).toEqual([90])
    expect(entries(activity.list.rows)).toEqual([90, 89])
  })
})
