import { PerfFrame } from "@boocontrol/shared/frames"
import { HostId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { testApp } from "../test/app.ts"
import { NOW, aGpu, aHost, aSample } from "../test/examples.ts"
import { useTelemetry } from "./store.ts"

const BOX = HostId.parse("box")
const frame = (...secondsAgo: number[]) =>
  PerfFrame.parse({
    type: "control_perf",
    provider_id: "box",
    seq: 1,
    samples: secondsAgo.map((s) =>
      aSample(NOW - s * 1000, [aGpu({ util_pct: s }), aGpu({ index: 1, util_pct: null })]),
    ),
  })
const history = (from: number, to: number) => ({
  provider_id: "box",
  tier: "raw",
  step_s: 2,
  from: instantOf(from),
  to: instantOf(to),
  gpus: [
    {
      index: 0,
      uuid: null,
      name: null,
      series: {
        util_pct: [
          { ts: instantOf(NOW - 100_000), mean: 33, min: 33, max: 33 },
          { ts: instantOf(NOW - 2000), mean: 99, min: 99, max: 99 },
        ],
      },
    },
  ],
  sys: {},
  missing: [],
  backfilled: [],
})

function rig() {
  const world = testApp()
  return { ...world, telemetry: world.run(() => useTelemetry()) }
}
const settled = async () => {
  // What is asked for brings its schema with it.
  await import("../platform/schemas.ts")
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe("the telemetry store", () => {
  it("keeps the newest sample and the last five minutes of each host", () => {
    const { telemetry } = rig()
    telemetry.apply(frame(400, 200, 2))
    telemetry.apply(frame(1))
    expect(telemetry.latest(BOX)?.ts).toBe(instantOf(NOW - 1000))
    expect(telemetry.readings(BOX).value.points.map(({ gpuBusy }) => gpuBusy)).toEqual([200, 2, 1])
  })

  it("is not thrown back by a late sample", () => {
    const { telemetry } = rig()
    telemetry.apply(frame(1))
    telemetry.apply(frame(5, 3))
    expect(telemetry.latest(BOX)?.ts).toBe(instantOf(NOW - 1000))
    expect(telemetry.readings(BOX).value.points.map(({ t }) => NOW - t)).toEqual([5000, 3000, 1000])
  })

  it("goes on with a host whose clock was years ahead and is set back", () => {
    const { telemetry } = rig()
    telemetry.apply(frame(3, 2))
    telemetry.apply(frame(-300_000_000))
    expect(telemetry.latest(BOX)?.ts).toBe(instantOf(NOW + 300_000_000_000))
    telemetry.apply(frame(1))
    telemetry.apply(frame(0))
    expect(telemetry.latest(BOX)?.ts).toBe(instantOf(NOW))
    expect(telemetry.readings(BOX).value.points.map(({ t }) => NOW - t)).toEqual([1000, 0])
  })

  it("puts history under what came live, asked for once per connection", async () => {
    const { telemetry, api } = rig()
    telemetry.apply(frame(2, 1))
    api.answers.push(history(NOW - 300_000, NOW), history(NOW - 300_000, NOW))
    telemetry.wantHistory(BOX)
    telemetry.wantHistory(BOX)
    await settled()
    expect(api.asked).toHaveLength(1)
    expect(api.asked[0]?.query).toMatchObject({ provider_id: "box", from: instantOf(NOW - 300_000) })
    expect(telemetry.readings(BOX).value.points.map(({ gpuBusy }) => gpuBusy)).toEqual([33, 2, 1])
    telemetry.lost()
    telemetry.wantHistory(BOX)
    await settled()
    expect(api.asked).toHaveLength(2)
  })

  it("asks for a few hosts at a time, however many come into view", async () => {
    const { telemetry, api } = rig()
    let answer: (value: unknown) => void = () => undefined
    api.answers.push(
      new Promise((resolve) => (answer = resolve)),
      new Promise(() => undefined),
      new Promise(() => undefined),
      new Promise(() => undefined),
    )
    for (const id of ["a", "b", "c", "d", "e"]) telemetry.wantHistory(HostId.parse(id))
    await settled()
    expect(api.asked.map(({ query }) => query["provider_id"])).toEqual(["a", "b", "c"])
    answer(history(NOW - 300_000, NOW))
    await settled()
    expect(api.asked.map(({ query }) => query["provider_id"])).toEqual(["a", "b", "c", "d"])
  })

  it("takes what a snapshot knows", () => {
    const { telemetry } = rig()
    telemetry.applySnapshot({ hosts: [aHost({ sample: aSample(NOW) }), aHost({ provider_id: "other" })] })
    expect([telemetry.latest(BOX)?.ts, telemetry.latest(HostId.parse("other"))]).toEqual([
      instantOf(NOW),
      null,
    ])
  })
})
