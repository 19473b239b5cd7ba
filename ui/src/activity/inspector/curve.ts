import type { PerfReply, SeriesPoint } from "@boocontrol/shared/telemetry"
import { epochMsOf } from "@boocontrol/shared/time"

export interface Curve {
  readonly name: string
  readonly unit: string
  /** SVG points on a field of 1000 by 100; one list for each stretch without a hole. */
  readonly lines: readonly string[]
  readonly most: number
  readonly mostText: string
}

const HOLE_MS = 12_000

/** Power and memory of all cards of a host together, over the time of a request. */
export function curvesOf(reply: PerfReply): Curve[] {
  return [
    curveOf("Power", "W", { reply, series: "power_w", scale: 1 }),
    curveOf("VRAM", "GiB", { reply, series: "mem_used_mib", scale: 1 / 1024 }),
  ].filter((curve) => curve !== null)
}

function curveOf(
  name: string,
  unit: string,
  { reply, series, scale }: { reply: PerfReply; series: string; scale: number },
): Curve | null {
  const points = summed(reply.gpus.map((gpu) => gpu.series[series] ?? [])).map(
    ([at, value]) => [at, value * scale] as const,
  )
  if (points.length === 0) return null
  const [from, to] = [epochMsOf(reply.from), epochMsOf(reply.to)]
  const most = Math.max(...points.map(([, value]) => value), 1)
  const lines: string[][] = []
  let before = Number.NEGATIVE_INFINITY
  for (const [at, value] of points) {
    if (at - before > Math.max(HOLE_MS, reply.step_s * 2500)) lines.push([])
    lines
      .at(-1)
      ?.push(`${(((at - from) / (to - from)) * 1000).toFixed(1)},${(100 - (value / most) * 96).toFixed(1)}`)
    before = at
  }
  return {
    name,
    unit,
    most,
    mostText: most >= 100 ? most.toFixed(0) : most.toFixed(1),
    lines: lines.map((line) => line.join(" ")),
  }
}

/** Only times at which every card was read: half a sum is no sum. */
function summed(all: readonly (readonly SeriesPoint[])[]): [at: number, value: number][] {
  const sums = new Map<string, { value: number; cards: number }>()
  const given = all.filter((series) => series.length > 0)
  for (const series of given) {
    for (const { ts, mean } of series) {
      if (mean === null) continue
      const sum = sums.get(ts) ?? { value: 0, cards: 0 }
      sums.set(ts, { value: sum.value + mean, cards: sum.cards + 1 })
    }
  }
  return [...sums]
    .filter(([, { cards }]) => cards === given.length)
    .map(([ts, { value }]): [number, number] => [Date.parse(ts), value])
    .sort(([a], [b]) => a - b)
}
