import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from "echarts"
import type { ChartPaint } from "../../charts/paint.ts"
import { hueAt } from "../../charts/theme.ts"
import type { ChartTokens } from "../../charts/theme.ts"
import { clockTime, duration } from "../../kit/format.ts"
import type { Span } from "./timeline.ts"

type Option = Record<string, unknown>
const BAR_PX = 12
/** Room for model names; charts under the timeline leave the same, so that their times stand in one line. */
export const TIMELINE_LEFT_PX = 150

interface Given {
  readonly spans: readonly Span[]
  readonly gaps: readonly { fromMs: number; toMs: number }[]
  /** All models of the host in its own order: a model keeps its row and its hue. */
  readonly models: readonly string[]
  readonly range: { readonly fromMs: number; readonly toMs: number }
  readonly tokens: ChartTokens
  readonly paint: ChartPaint
}

/** When which model held the memory: one row per model that was loaded in the range. */
export function timelineOption({ spans, gaps, models, range, tokens, paint }: Given): Option {
  const rows = rowsOf(spans, models)
  const color = (span: Span) =>
    span.state === "ready"
      ? hueAt(tokens, Math.max(0, models.indexOf(span.model)))
      : span.state === "error"
        ? tokens.bad
        : tokens.warn
  return {
    animation: false,
    grid: { left: TIMELINE_LEFT_PX, right: 10, top: 4, bottom: 22 },
    xAxis: {
      type: "time",
      min: range.fromMs,
      max: range.toMs,
      splitNumber: 6,
      axisLabel: { hideOverlap: true },
    },
    yAxis: { type: "category", data: rows, inverse: true, axisLabel: { width: 136, overflow: "truncate" } },
    tooltip: { trigger: "item", formatter: ({ dataIndex }: { dataIndex: number }) => tip(spans[dataIndex]) },
    series: [
      {
        type: "custom",
        renderItem,
        encode: { x: [1, 2], y: 0 },
        data: spans.map((span) => ({
          value: [rows.indexOf(span.model), span.fromMs, span.toMs],
          itemStyle: { color: color(span), opacity: span.state === "ready" ? 0.85 : 1 },
        })),
        markArea: {
          silent: true,
          itemStyle: { color: paint.hatch },
          data: gaps.map((gap) => [{ xAxis: gap.fromMs }, { xAxis: gap.toMs }]),
        },
      },
    ],
  }
}

export function rowsOf(spans: readonly Span[], models: readonly string[]): string[] {
  const seen = new Set(spans.map((span) => span.model))
  return [
    ...models.filter((model) => seen.has(model)),
    ...[...seen].filter((model) => !models.includes(model)),
  ]
}

function tip(span: Span | undefined): string {
  if (!span) return ""
  const end = span.open ? "still so" : clockTime(span.toMs)
  return `${escapeText(span.model)}<br>${span.state} ${clockTime(span.fromMs)} to ${end}, ${duration(span.toMs - span.fromMs)}`
}

/** Model names come from outside, and a tooltip is HTML. */
export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
}

function renderItem(params: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI): unknown {
  const [left = 0, middle = 0] = api.coord([api.value(1), api.value(0)])
  const [right = 0] = api.coord([api.value(2), api.value(0)])
  void params
  return {
    type: "rect",
    shape: { x: left, y: middle - BAR_PX / 2, width: Math.max(2, right - left), height: BAR_PX, r: 2 },
    style: api.style(),
  }
}
