import { PerfReply } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import { expect, it } from "vitest"
import { NOW } from "../../test/examples.ts"
import { METRICS } from "./charts.ts"
import { perfTable } from "./perf-table.ts"

const point = (secondsAgo: number, mean: number | null) => ({
  ...{ ts: instantOf(NOW - secondsAgo * 1000), mean, min: mean, max: mean },
})
const gpu = (index: number, points: ReturnType<typeof point>[]) => ({
  ...{ index, uuid: null, name: null, series: { mem_used_mib: points } },
})
const vram = METRICS.find(({ key }) => key === "vram") ?? METRICS[0]

function tableOf(gpus: unknown[], missing: unknown[] = []) {
  const reply = PerfReply.parse({
    ...{ provider_id: "box", tier: "raw", step_s: 1, from: instantOf(NOW - 900_000), to: instantOf(NOW) },
    ...{ gpus, sys: {}, missing, backfilled: [] },
  })
  if (!vram) throw new Error("no metric")
  return perfTable(reply, vram)
}

it("lists what the chart shows, in its unit, the newest first, each card in its column", () => {
  const table = tableOf([gpu(0, [point(2, 1024), point(1, 2048)]), gpu(1, [point(1, null)])])
  expect(table).toEqual({
    columns: ["GPU 0", "GPU 1"],
    lines: [
      { atMs: NOW - 1000, values: [2, null], untilMs: null },
      { atMs: NOW - 2000, values: [1, null], untilMs: null },
    ],
    cut: 0,
  })
})

it("says where nothing was measured instead of leaving it out", () => {
  const missing = [{ from: instantOf(NOW - 9000), to: instantOf(NOW - 3000) }]
  const { lines } = tableOf([gpu(0, [point(10, 1024), point(1, 1024)])], missing)
  expect(lines.map(({ untilMs }) => untilMs)).toEqual([null, NOW - 3000, null])
})

it("stops at 120 lines and says how many are left", () => {
  const points = Array.from({ length: 200 }, (_, n) => point(200 - n, n))
  const { lines, cut } = tableOf([gpu(0, points)])
  expect([lines.length, cut, lines[0]?.atMs]).toEqual([120, 80, NOW - 1000])
})
