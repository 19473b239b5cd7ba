import { toRgbText } from "./oklch.ts"

const TOKENS = [
  "background",
  "surface",
  "overlay",
  "line",
  "line-soft",
  "foreground",
  "muted",
  "faint",
  "accent",
] as const
const MEANINGS = ["ok", "warn", "bad", "lease"] as const
const HUES = ["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"] as const
type TokenName = (typeof TOKENS)[number] | (typeof MEANINGS)[number] | (typeof HUES)[number]

/** The cockpit's tokens as colours that ECharts can parse. */
export type ChartTokens = Readonly<Record<TokenName, string>> & { readonly prose: string }

/** Reads what is on screen now: call again after the theme changed. */
export function readTokens(element: Element = document.documentElement): ChartTokens {
  const style = getComputedStyle(element)
  const colors = [...TOKENS, ...MEANINGS, ...HUES].map((name) => [
    name,
    toRgbText(style.getPropertyValue(`--${name}`)),
  ])
  return { ...Object.fromEntries(colors), prose: style.getPropertyValue("--prose").trim() }
}

export function hueAt(tokens: ChartTokens, index: number): string {
  return tokens[HUES[index % HUES.length] ?? "m1"]
}

/** One theme for every chart, of the same tokens as the rest of the cockpit. */
export function buildEChartsTheme(tokens: ChartTokens): Record<string, unknown> {
  const text = { color: tokens.muted, fontFamily: tokens.prose, fontSize: 11 }
  const axis = {
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: text,
    splitLine: { lineStyle: { color: tokens["line-soft"] } },
  }
  return {
    color: HUES.map((name) => tokens[name]),
    backgroundColor: "transparent",
    textStyle: { fontFamily: tokens.prose, color: tokens.foreground },
    categoryAxis: { ...axis, splitLine: { show: false } },
    valueAxis: axis,
    timeAxis: {
      ...axis,
      splitLine: { show: false },
      axisLine: { show: true, lineStyle: { color: tokens.line } },
    },
    line: { symbol: "none", lineStyle: { width: 1.5 }, emphasis: { disabled: true } },
    scatter: { symbolSize: 6, itemStyle: { opacity: 0.8 } },
    tooltip: {
      backgroundColor: tokens.overlay,
      borderColor: tokens.line,
      borderWidth: 1,
      padding: [6, 10],
      textStyle: { color: tokens.foreground, fontFamily: tokens.prose, fontSize: 12 },
      axisPointer: { lineStyle: { color: tokens.faint }, crossStyle: { color: tokens.faint } },
    },
  }
}
