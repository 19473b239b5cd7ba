import type { ActivityRow } from "@boocontrol/shared/activity"
import { epochMsOf } from "@boocontrol/shared/time"
import type { ChartPaint } from "../../charts/paint.ts"
import { hueAt } from "../../charts/theme.ts"
import type { ChartTokens } from "../../charts/theme.ts"
import { clockTime, count, decimal } from "../../kit/format.ts"
import { TIMELINE_LEFT_PX, escapeText } from "./timeline-chart.ts"

type Option = Record<string, unknown>

/** Generation speed of each request over time, one hue per model: what slowed down, and when. */
export function speedOption(given: {
  rows: readonly ActivityRow[]
  gaps: readonly { fromMs: number; toMs: number }[]
  models: readonly string[]
  range: { fromMs: number; toMs: number }
  tokens: ChartTokens
  paint: ChartPaint
}): Option {
  const { rows, gaps, models, range, tokens, paint } = given
  const timed = rows.filter((row) => row.gen_tps !== null && row.gen_tps > 0)
  const byModel = Map.groupBy(timed, (row) => row.model)
  return {
    animation: false,
    grid: { left: TIMELINE_LEFT_PX, right: 10, top: 8, bottom: 22 },
    xAxis: {
      type: "time",
      min: range.fromMs,
      max: range.toMs,
      splitNumber: 6,
      axisLabel: { hideOverlap: true },
    },
    yAxis: { type: "value", min: 0, splitNumber: 3 },
    tooltip: { trigger: "item" },
    series: [
      ...[...byModel].map(([model, of]) => ({
        type: "scatter",
        name: model,
        itemStyle: { color: hueAt(tokens, Math.max(0, models.indexOf(model))) },
        data: of.map((row) => [epochMsOf(row.ts), row.gen_tps]),
        tooltip: { formatter: ({ dataIndex }: { dataIndex: number }) => tip(of[dataIndex]) },
      })),
      {
        // Of its own: a gap is one also where no request is left.
        type: "scatter",
        data: [],
        markArea: {
          silent: true,
          itemStyle: { color: paint.hatch },
          data: gaps.map((gap) => [{ xAxis: gap.fromMs }, { xAxis: gap.toMs }]),
        },
      },
    ],
  }
}

function tip(row: ActivityRow | undefined): string {
  if (!row) return ""
  return `${escapeText(row.model)}<br>${clockTime(epochMsOf(row.ts))} · ${decimal(row.gen_tps)} tok/s · ${count(row.output_tokens)} tokens`
}
