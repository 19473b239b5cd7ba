import type { PerfReply, PerfSpan, SeriesPoint } from "@boocontrol/shared/telemetry"
import { epochMsOf } from "@boocontrol/shared/time"
import type { ChartPaint } from "../../charts/paint.ts"
import type { ChartTokens } from "../../charts/theme.ts"
import { clockMinute, decimal } from "../../kit/format.ts"
import { linePoints } from "./perf.ts"

type Option = Record<string, unknown>

export interface Metric {
  readonly key: string
  readonly title: string
  readonly unit: string
  readonly of: "gpu" | "sys"
  readonly series: string
  /** Series that bounds it, drawn dashed. */
  readonly limit: string | null
  readonly scale: number
  /** Top of the scale; null: as the values say. */
  readonly max: number | null
}

const MIB_TO_GIB = 1 / 1024

export const METRICS: readonly Metric[] = [
  {
    key: "vram",
    title: "VRAM",
    unit: "GiB",
    of: "gpu",
    series: "mem_used_mib",
    limit: "mem_total_mib",
    scale: MIB_TO_GIB,
    max: null,
  },
  {
    key: "busy",
    title: "GPU busy",
    unit: "%",
    of: "gpu",
    series: "util_pct",
    limit: null,
    scale: 1,
    max: 100,
  },
  {
    key: "power",
    title: "Power",
    unit: "W",
    of: "gpu",
    series: "power_w",
    limit: "power_limit_w",
    scale: 1,
    max: null,
  },
  {
    key: "temp",
    title: "Temperature",
    unit: "°C",
    of: "gpu",
    series: "temp_c",
    limit: null,
    scale: 1,
    max: null,
  },
  {
    key: "cpu",
    title: "Processor",
    unit: "%",
    of: "sys",
    series: "cpu_pct",
    limit: null,
    scale: 1,
    max: 100,
  },
  {
    key: "memory",
    title: "Memory",
    unit: "GiB",
    of: "sys",
    series: "mem_used_mib",
    limit: "mem_total_mib",
    scale: MIB_TO_GIB,
    max: null,
  },
]

interface Named {
  readonly name: string
  readonly points: readonly SeriesPoint[]
  readonly limit: readonly SeriesPoint[]
}

export function seriesOf(reply: PerfReply, metric: Metric): Named[] {
  const sources =
    metric.of === "sys"
      ? [{ name: metric.title, series: reply.sys }]
      : reply.gpus.map((gpu) => ({
          name: reply.gpus.length > 1 ? `GPU ${gpu.index}` : metric.title,
          series: gpu.series,
        }))
  return sources.map(({ name, series }) => ({
    name,
    points: series[metric.series] ?? [],
    limit: metric.limit === null ? [] : (series[metric.limit] ?? []),
  }))
}

export function newestValue(reply: PerfReply, metric: Metric): number | null {
  const values = seriesOf(reply, metric)
    .map(({ points }) => points.at(-1)?.mean ?? null)
    .filter((value) => value !== null)
  if (values.length === 0) return null
  const summed = metric.key === "vram" || metric.key === "power" || metric.of === "sys"
  const sum = values.reduce((all, value) => all + value, 0)
  return (summed ? sum : metric.key === "temp" ? Math.max(...values) : sum / values.length) * metric.scale
}

export function perfOption(given: {
  reply: PerfReply
  metric: Metric
  tokens: ChartTokens
  paint: ChartPaint
}): Option {
  const { reply, metric, tokens, paint } = given
  const how = { missing: reply.missing, stepS: reply.step_s, scale: metric.scale }
  const named = seriesOf(reply, metric)
  const single = named.length === 1
  const top = metric.max ?? limitOf(named, metric.scale)
  const lines = named.map((one, index) => ({
    type: "line",
    name: one.name,
    data: linePoints(one.points, { ...how, pick: "mean" }),
    showSymbol: false,
    connectNulls: false,
    areaStyle: single ? { opacity: 0.12 } : undefined,
    markArea: index === 0 ? holes(reply, { tokens, paint }) : undefined,
    markLine:
      index === 0 && top !== null && metric.limit !== null
        ? {
            silent: true,
            symbol: "none",
            label: { show: false },
            lineStyle: { color: tokens.faint, type: "dashed", width: 1 },
            data: [{ yAxis: top }],
          }
        : undefined,
  }))
  return {
    animation: false,
    grid: { left: 44, right: 10, top: 8, bottom: 22 },
    xAxis: timeAxis(reply),
    yAxis: { type: "value", min: 0, ...scaleOf(top) },
    tooltip: {
      trigger: "axis",
      valueFormatter: (value: unknown) => withUnit(value, metric.unit),
      axisPointer: axisPointer(),
    },
    series: [...lines, ...(single && reply.tier !== "raw" ? band(named[0]?.points ?? [], how) : [])],
  }
}

export function timeAxis(span: { from: PerfReply["from"]; to: PerfReply["to"] }): Option {
  return {
    type: "time",
    min: epochMsOf(span.from),
    max: epochMsOf(span.to),
    splitNumber: 4,
    axisLabel: { hideOverlap: true },
  }
}

function axisPointer(): Option {
  return {
    type: "line",
    label: { show: false, formatter: ({ value }: { value: number }) => clockMinute(value) },
  }
}

function withUnit(value: unknown, unit: string): string {
  return typeof value === "number" ? `${decimal(value)} ${unit}` : "no reading"
}

function limitOf(named: readonly Named[], scale: number): number | null {
  const limits = named
    .flatMap(({ limit }) => limit.map((point) => point.mean))
    .filter((value) => value !== null)
  return limits.length === 0 ? null : Math.max(...limits) * scale
}

/** Where nothing was measured: hatched. Where it was fetched later, from coarser samples: tinted. */
function holes(reply: PerfReply, { tokens, paint }: { tokens: ChartTokens; paint: ChartPaint }): Option {
  const area = (span: PerfSpan, itemStyle: Option) => [
    { xAxis: epochMsOf(span.from), itemStyle },
    { xAxis: epochMsOf(span.to) },
  ]
  return {
    silent: true,
    data: [
      ...reply.backfilled.map((span) => area(span, { color: tokens.faint, opacity: 0.18 })),
      ...reply.missing.map((span) => area(span, { color: paint.hatch })),
    ],
  }
}

/** Between the lowest and the highest of each bucket, for one line only: of several it would be fog. */
function band(
  points: readonly SeriesPoint[],
  how: { missing: PerfReply["missing"]; stepS: number; scale: number },
): Option[] {
  const low = linePoints(points, { ...how, pick: "min" })
  const high = linePoints(points, { ...how, pick: "max" })
  const common = {
    type: "line",
    stack: "band",
    showSymbol: false,
    silent: true,
    tooltip: { show: false },
    lineStyle: { opacity: 0 },
  }
  return [
    { ...common, name: "lowest", data: low },
    {
      ...common,
      name: "highest",
      areaStyle: { opacity: 0.16 },
      data: high.map(([t, value], index) => [t, value === null ? null : value - (low[index]?.[1] ?? value)]),
    },
  ]
}

const NICE = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]
const STEPS = 4

/** Round steps that end at or just above a known top, so that the label of the top never lies on another. */
export function scaleOf(top: number | null): { max?: number; interval?: number; splitNumber?: number } {
  if (top === null || top <= 0) return { splitNumber: 3 }
  const power = 10 ** Math.floor(Math.log10(top / STEPS))
  const interval = (NICE.find((step) => step * power >= (top / STEPS) * 0.999) ?? 10) * power
  return { interval, max: interval * Math.ceil((top / interval) * 0.999) }
}
