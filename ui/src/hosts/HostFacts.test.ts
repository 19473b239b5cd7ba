// @vitest-environment happy-dom
import { instantOf } from "@boocontrol/shared/time"
import { expect, it } from "vitest"
import { NOW, aHost } from "../test/examples.ts"
import { cockpit } from "../test/mounted.ts"
import HostFacts from "./HostFacts.vue"

const FOUR_MIN_AGO = instantOf(NOW - 4 * 60_000)

it.each<[string, Record<string, unknown> | null, string]>([
  ["a few records", { depth: 7 }, "7 waiting, the oldest from 4 min ago"],
  ["nothing", { depth: 0, oldest_at: null }, "empty"],
  ["some after others were lost", { depth: 7, dropped: 3 }, "7 waiting, the oldest from 4 min ago, 3 lost"],
  [
    "some that cannot be written",
    { depth: 7, problem: "no space left" },
    "7 waiting, the oldest from 4 min ago · no space left",
  ],
  ["nobody knows what", null, "–"],
])("says how much waits on the host's disk and since when: %s", (_name, given, words) => {
  const spool = given && { depth: 0, bytes: 900, oldest_at: FOUR_MIN_AGO, dropped: 0, ...given }
  const host = aHost({ spool })
  const shown = cockpit([host]).show(HostFacts, { host, sample: null })
  const fact = shown.findAll("dl > div").find((one) => one.get("dt").text() === "Disk spool")
  expect(fact?.get("dd").text()).toBe(words)
})

it("grows older with the time on screen", async () => {
  const host = aHost({ spool: { depth: 2, bytes: 90, oldest_at: FOUR_MIN_AGO, dropped: 0 } })
  const { show, now } = cockpit([host])
  const shown = show(HostFacts, { host, sample: null })
  now.value += 6 * 60_000
  await shown.vm.$nextTick()
  expect(shown.text()).toContain("2 waiting, the oldest from 10 min ago")
})
