import type { PerfReply } from "@boocontrol/shared/telemetry"
import { epochMsOf } from "@boocontrol/shared/time"
import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from "echarts"
import type { ChartPaint } from "../../charts/paint.ts"
import { hueAt } from "../../charts/theme.ts"
import type { ChartTokens } from "../../charts/theme.ts"
import { linePoints } from "../../hosts/view/perf.ts"
import { rowsOf, escapeText } from "../../hosts/view/timeline-chart.ts"
import type { Span as ModelSpan } from "../../hosts/view/timeline.ts"
import { clockTime, duration } from "../../kit/format.ts"
import { totalOf } from "./tracks.ts"
import type { Mark, RequestBar } from "./tracks.ts"
import type { Span } from "./window.ts"

type Option = Record<string, unknown>

export interface TimelineGiven {
  readonly span: Span
  readonly perf: PerfReply | null
  readonly spans: readonly ModelSpan[]
  readonly requests: readonly RequestBar[]
  readonly marks: readonly Mark[]
  readonly gaps: readonly Span[]
  /** All models of the host in its own order: a model keeps its hue. */
  readonly models: readonly string[]
  /** Pixels left of the axis. */
  readonly left: number
}

/** What a drawn thing leads to when it is clicked. */
export type Picked =
  | { readonly kind: "request"; readonly id: string }
  | { readonly kind: "span"; readonly fromMs: number; readonly toMs: number }

export const LEFT_PX = 150
/** On a narrow screen names give way to time. */
export const LEFT_NARROW_PX = 92
export const RIGHT_PX = 12
const TOP_PX = 20
const LINE_PX = 66
const BETWEEN_PX = 26
const ROW_PX = 30
const MARKS_PX = 18
const AXIS_PX = 26
const MIB_TO_GIB = 1 / 1024

interface Layout {
  readonly rows: readonly string[]
  readonly tops: {
    readonly power: number
    readonly vram: number
    readonly models: number
    readonly marks: number
  }
  readonly modelsPx: number
  readonly height: number
}

/** Where the tracks lie: power, VRAM, a row per model, marks. */
export function layoutOf(given: Pick<TimelineGiven, "spans" | "requests" | "models">): Layout {
  const seen = rowsOf(given.spans, given.models)
  const asked = [...new Set(given.requests.map(({ model }) => model))].filter(
    (model) => !seen.includes(model),
  )
  const rows = [...seen, ...asked.sort()]
  const modelsPx = Math.max(1, rows.length) * ROW_PX
  const power = TOP_PX
  const vram = power + LINE_PX + BETWEEN_PX
  const models = vram + LINE_PX + BETWEEN_PX
  const marks = models + modelsPx + 8
  return { rows, tops: { power, vram, models, marks }, modelsPx, height: marks + MARKS_PX + AXIS_PX }
}

/** Power and VRAM of all cards, models with their requests, and marks: all on one time axis. */
export function timelineOption(given: TimelineGiven, tokens: ChartTokens, paint: ChartPaint): Option {
  const layout = layoutOf(given)
  const { tops, rows } = layout
  const grid = (top: number, height: number) => ({ left: given.left, right: RIGHT_PX, top, height })
  const x = (gridIndex: number, shown: boolean) => ({
    ...{ type: "time", gridIndex, min: given.span.fromMs, max: given.span.toMs, splitNumber: 5 },
    axisLabel: { show: shown, hideOverlap: true },
    axisLine: { show: shown },
    axisPointer: { show: true, type: "line", label: { show: false } },
  })
  const value = (gridIndex: number, name: string) => ({
    ...{ type: "value", gridIndex, min: 0, splitNumber: 2, name, nameLocation: "end" },
    nameTextStyle: { color: tokens.muted, align: "left", padding: [0, 0, 0, 8 - given.left] },
    nameGap: 6,
  })
  return {
    animation: false,
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    tooltip: { trigger: "item", confine: true },
    grid: [
      grid(tops.power, LINE_PX),
      grid(tops.vram, LINE_PX),
      grid(tops.models, layout.modelsPx),
      grid(tops.marks, MARKS_PX),
    ],
    xAxis: [x(0, false), x(1, false), x(2, false), x(3, true)],
    yAxis: [
      value(0, "Power, W"),
      value(1, "VRAM, GiB"),
      {
        ...{ type: "category", gridIndex: 2, data: [...rows], inverse: true },
        axisLabel: { width: given.left - 14, overflow: "truncate" },
      },
      { type: "category", gridIndex: 3, data: ["notes"], axisLabel: { color: tokens.faint } },
    ],
    series: [
      line(given, { metric: "power_w", axis: 0, scale: 1, color: tokens.warn, paint }),
      line(given, { metric: "mem_used_mib", axis: 1, scale: MIB_TO_GIB, color: tokens.accent, paint }),
      modelSeries(given, rows, { tokens, paint }),
      requestSeries(given, rows, tokens),
      markSeries(given, tokens),
    ],
  }
}

function line(
  { perf }: TimelineGiven,
  how: {
    metric: "power_w" | "mem_used_mib"
    axis: number
    scale: number
    color: string
    paint: ChartPaint
  },
): Option {
  const missing = perf?.missing ?? []
  return {
    ...{ type: "line", xAxisIndex: how.axis, yAxisIndex: how.axis, showSymbol: false, connectNulls: false },
    silent: true,
    itemStyle: { color: how.color },
    lineStyle: { width: 1.5, color: how.color },
    areaStyle: { opacity: 0.12, color: how.color },
    data: perf
      ? linePoints(totalOf(perf, how.metric), {
          ...{ missing, stepS: perf.step_s, scale: how.scale, pick: "mean" },
        })
      : [],
    markArea: {
      silent: true,
      itemStyle: { color: how.paint.hatch },
      data: missing.map((span) => [{ xAxis: epochMsOf(span.from) }, { xAxis: epochMsOf(span.to) }]),
    },
  }
}

function modelSeries(
  { spans, gaps, models }: TimelineGiven,
  rows: readonly string[],
  { tokens, paint }: { tokens: ChartTokens; paint: ChartPaint },
): Option {
  return {
    ...{ type: "custom", xAxisIndex: 2, yAxisIndex: 2, encode: { x: [1, 2], y: 0 } },
    renderItem: bar({ above: 11, height: 11 }),
    data: spans.map((span) => ({
      value: [rows.indexOf(span.model), span.fromMs, span.toMs],
      picked: { kind: "span", fromMs: span.fromMs, toMs: span.toMs } satisfies Picked,
      tooltip: { formatter: modelTip(span) },
      itemStyle: {
        color:
          span.state === "ready"
            ? hueAt(tokens, Math.max(0, models.indexOf(span.model)))
            : span.state === "error"
              ? tokens.bad
              : tokens.warn,
        opacity: span.state === "ready" ? 0.8 : 1,
      },
    })),
    markArea: {
      silent: true,
      itemStyle: { color: paint.hatch },
      data: gaps.map((gap) => [{ xAxis: gap.fromMs }, { xAxis: gap.toMs }]),
    },
  }
}

function requestSeries({ requests }: TimelineGiven, rows: readonly string[], tokens: ChartTokens): Option {
  return {
    ...{ type: "custom", xAxisIndex: 2, yAxisIndex: 2, encode: { x: [1, 2], y: 0 }, z: 3 },
    renderItem: bar({ above: -3, height: 6 }),
    data: requests.map((request) => ({
      value: [rows.indexOf(request.model), request.fromMs, request.toMs],
      picked: { kind: "request", id: request.id } satisfies Picked,
      tooltip: { formatter: requestTip(request) },
      itemStyle: { color: request.failed ? tokens.bad : tokens.foreground, opacity: 0.62 },
      emphasis: { itemStyle: { opacity: 1 } },
    })),
  }
}

function markSeries({ marks }: TimelineGiven, tokens: ChartTokens): Option {
  const colors = { bad: tokens.bad, warn: tokens.warn, lease: tokens.lease, muted: tokens.muted }
  return {
    ...{ type: "custom", xAxisIndex: 3, yAxisIndex: 3, encode: { x: [1, 2], y: 0 } },
    renderItem: bar({ above: 6, height: 12, least: 4 }),
    data: marks.map((mark) => ({
      value: [0, mark.fromMs, mark.toMs],
      picked: aroundMark(mark),
      tooltip: { formatter: () => `${clockTime(mark.fromMs)}<br>${escapeText(mark.text)}` },
      itemStyle: { color: colors[mark.tone] },
    })),
  }
}

/** A moment is looked at with a minute on either side. */
function aroundMark(mark: Mark): Picked {
  const around = Math.max(60_000, (mark.toMs - mark.fromMs) / 5)
  return { kind: "span", fromMs: mark.fromMs - around, toMs: mark.toMs + around }
}

function modelTip(span: ModelSpan): () => string {
  const end = span.open ? "still so" : clockTime(span.toMs)
  const words = `${span.state} ${clockTime(span.fromMs)} to ${end}, ${duration(span.toMs - span.fromMs)}`
  return () => `${escapeText(span.model)}<br>${words}`
}

function requestTip(request: RequestBar): () => string {
  return () =>
    `${escapeText(request.model)}<br>${clockTime(request.fromMs)} to ${clockTime(request.toMs)}<br>${escapeText(request.words)}`
}

/** A rectangle from one time to another, `above` pixels over the middle of its row; never too thin to be seen. */
function bar({ above, height, least = 2 }: { above: number; height: number; least?: number }) {
  return (params: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI): unknown => {
    const [from = 0, middle = 0] = api.coord([api.value(1), api.value(0)])
    const [to = 0] = api.coord([api.value(2), api.value(0)])
    const left = pixelsOf(Reflect.get(params.coordSys, "x"))
    const right = left + pixelsOf(Reflect.get(params.coordSys, "width"))
    const start = Math.max(left, from)
    const end = Math.min(right, Math.max(to, from + least))
    if (end <= start) return null
    return {
      type: "rect",
      shape: { x: start, y: middle - above, width: end - start, height, r: 2 },
      style: api.style(),
    }
  }
}

function pixelsOf(value: unknown): number {
  return typeof value === "number" ? value : 0
}
