import { PerfReply } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { NOW, aGpu, aSample } from "../../test/examples.ts"
import { METRICS, newestValue, perfOption, scaleOf } from "./charts.ts"
import { appendSample, linePoints, tierWords } from "./perf.ts"

const point = (secondsAgo: number, mean: number | null) => ({
  ts: instantOf(NOW - secondsAgo * 1000),
  mean,
  min: mean === null ? null : mean - 1,
  max: mean === null ? null : mean + 1,
})

function aReply(given: Partial<PerfReply> = {}): PerfReply {
  return PerfReply.parse({
    provider_id: "box",
    tier: "raw",
    step_s: 1,
    from: instantOf(NOW - 60_000),
    to: instantOf(NOW),
    gpus: [{ index: 0, uuid: null, name: null, series: { util_pct: [point(59, 10), point(1, 20)] } }],
    sys: { cpu_pct: [point(1, 5)] },
    missing: [],
    backfilled: [],
    ...given,
  })
}
const busyOf = (reply: PerfReply) => reply.gpus[0]?.series["util_pct"]?.map(({ mean }) => mean)

describe("a live sample at the end of history", () => {
  it("is added, and the same length falls off at the beginning", () => {
    const reply = appendSample(aReply(), aSample(NOW + 2000, [aGpu({ util_pct: 77 })]))
    expect(busyOf(reply)).toEqual([20, 77])
    expect([reply.from, reply.to]).toEqual([instantOf(NOW - 58_000), instantOf(NOW + 2000)])
  })

  it("that is older than the end changes nothing", () => {
    const reply = aReply()
    expect(appendSample(reply, aSample(NOW - 5000))).toBe(reply)
  })

  it("without a reading is a hole, not a zero", () => {
    expect(busyOf(appendSample(aReply(), aSample(NOW + 500, [aGpu({ util_pct: null })])))).toEqual([
      10,
      20,
      null,
    ])
    expect(busyOf(appendSample(aReply(), aSample(NOW + 500, null)))).toEqual([10, 20, null])
  })

  it("after a silence leaves a span that is known to be missing", () => {
    const reply = appendSample(aReply(), aSample(NOW + 30_000))
    expect(reply.missing).toEqual([{ from: instantOf(NOW - 1000), to: instantOf(NOW + 30_000) }])
  })
})

describe("the points of a line", () => {
  const how = { missing: [], stepS: 1, scale: 1, pick: "mean" as const }

  it("break where more than a few samples are missing", () => {
    expect(linePoints([point(60, 1), point(59, 2), point(20, 3)], how)).toEqual([
      [NOW - 60_000, 1],
      [NOW - 59_000, 2],
      [NOW - 58_999, null],
      [NOW - 20_000, 3],
    ])
  })

  it("break at a span that the hub says is missing, however short", () => {
    const missing = [{ from: instantOf(NOW - 59_500), to: instantOf(NOW - 58_500) }]
    expect(linePoints([point(60, 1), point(58, 2)], { ...how, missing })).toHaveLength(3)
  })

  it("do not break between the points of a coarse tier", () => {
    expect(linePoints([point(600, 1), point(300, 2)], { ...how, stepS: 300 })).toHaveLength(2)
  })

  it("are scaled, and unknown stays unknown", () => {
    expect(linePoints([point(2, 2048), point(1, null)], { ...how, scale: 1 / 1024 })).toEqual([
      [NOW - 2000, 2],
      [NOW - 1000, null],
    ])
  })
})

describe("what a chart says about itself", () => {
  it.each([
    [{ tier: "raw" }, "every sample"],
    [{ tier: "5m" }, "from 5 min averages"],
    [{ tier: "1m", missing: [{ from: instantOf(1), to: instantOf(2) }] }, "from 1 min averages · 1 hole"],
    [
      { tier: "raw", backfilled: [{ from: instantOf(1), to: instantOf(2) }] },
      "every sample · partly fetched later",
    ],
  ] as const)("%j", (given, text) =>
    expect(
      tierWords(
        aReply({
          ...given,
          missing: [...("missing" in given ? given.missing : [])],
          backfilled: [...("backfilled" in given ? given.backfilled : [])],
        }),
      ),
    ).toBe(text),
  )

  it("sums memory and power over cards, but takes the hottest and the mean", () => {
    const card = (index: number, values: number[]) => ({
      index,
      uuid: null,
      name: null,
      series: Object.fromEntries(
        ["mem_used_mib", "util_pct", "power_w", "temp_c"].map((name, at) => [
          name,
          [point(1, values[at] ?? null)],
        ]),
      ),
    })
    const reply = aReply({ gpus: [card(0, [1024, 10, 100, 60]), card(1, [2048, 30, 150, 80])] })
    expect(METRICS.slice(0, 4).map((metric) => newestValue(reply, metric))).toEqual([3, 20, 250, 80])
    expect(newestValue(aReply({ gpus: [] }), METRICS[0] ?? aMetric())).toBeNull()
  })

  it.each([
    [100, 25, 100],
    [31.84, 8, 32],
    [575, 150, 600],
    [64, 20, 80],
  ])("the scale for a top of %d has steps of %d up to %d", (top, interval, max) => {
    expect(scaleOf(top)).toEqual({ interval, max })
  })
})

function aMetric(): never {
  throw new Error("there are no metrics")
}

describe("a chart of readings", () => {
  it("shades what was never measured and tints what was fetched later", () => {
    const span = (from: number, to: number) => ({
      from: instantOf(NOW - from * 1000),
      to: instantOf(NOW - to * 1000),
    })
    const reply = aReply({ missing: [span(50, 40)], backfilled: [span(30, 20)] })
    const metric = METRICS.find(({ key }) => key === "busy")
    const paint = { hatch: { image: {} as HTMLCanvasElement, repeat: "repeat" as const } }
    const option = metric && perfOption({ reply, metric, tokens: { faint: "#888" } as never, paint })
    expect(option).toMatchObject({
      series: [
        {
          markArea: {
            data: [
              [{ xAxis: NOW - 30_000, itemStyle: { color: "#888" } }, { xAxis: NOW - 20_000 }],
              [{ xAxis: NOW - 50_000, itemStyle: { color: paint.hatch } }, { xAxis: NOW - 40_000 }],
            ],
          },
        },
      ],
    })
  })
})
