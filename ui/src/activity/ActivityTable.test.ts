// @vitest-environment happy-dom
import { ActivityFrame } from "@boocontrol/shared/frames"
import { expect, it } from "vitest"
import { aRow } from "../test/examples.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import ActivityTable from "./ActivityTable.vue"
import { useActivity } from "./store.ts"

const frame = (n: number) =>
  ActivityFrame.parse({ type: "control_activity", provider_id: "box", seq: 1, rows: [aRow(n)] })

function table() {
  const shown = cockpit().show(ActivityTable, { gaps: [] })
  const activity = useActivity()
  activity.apply(frame(1))
  const scroller = shown.get<HTMLElement>(".rows")
  const scrollTo = async (top: number) => {
    scroller.element.scrollTop = top
    await scroller.trigger("scroll")
  }
  return { shown, activity, scrollTo }
}

it("takes new rows as they come while nobody reads further down", async () => {
  const { shown, activity } = table()
  activity.apply(frame(2))
  await shown.vm.$nextTick()
  expect(shown.get("[role=table]").attributes("aria-rowcount")).toBe("2")
  expect(wordsOf(shown)).not.toMatch(/\d new/)
})

it("holds still while somebody reads further down, and counts what came", async () => {
  const { shown, activity, scrollTo } = table()
  await scrollTo(200)
  activity.apply(frame(2))
  activity.apply(frame(3))
  await shown.vm.$nextTick()
  expect(shown.get("[role=table]").attributes("aria-rowcount")).toBe("1")
  expect(wordsOf(shown)).toContain("2 new")
})

it("lets them in when it is asked to, and when it is scrolled back", async () => {
  const { shown, activity, scrollTo } = table()
  await scrollTo(200)
  activity.apply(frame(2))
  await shown.vm.$nextTick()
  const button = shown.findAll("button").find((one) => one.text().includes("1 new"))
  await button?.trigger("click")
  expect(shown.get("[role=table]").attributes("aria-rowcount")).toBe("2")
  await scrollTo(200)
  activity.apply(frame(3))
  await scrollTo(0)
  expect(shown.get("[role=table]").attributes("aria-rowcount")).toBe("3")
})
