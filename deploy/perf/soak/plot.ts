import type { Reading } from "./trend.ts"

export interface Panel {
  title: string
  series: readonly { name: string; readings: readonly Reading[] }[]
}

const WIDTH = 860
const PANEL_HEIGHT = 200
const TOP = 46
const LEFT = 56
const RIGHT = 120
const GAP = 62
const COLOURS = ["#1f6feb", "#b4540a"]
const MAX_POINTS = 400

/** A picture of what was read over time: one panel below the other, each from 0, so that a slope is not exaggerated. */
export function plotOf({ title, panels }: { title: string; panels: readonly Panel[] }): string {
  const height = TOP + panels.length * (PANEL_HEIGHT + GAP)
  const endS = Math.max(
    60,
    ...panels.flatMap(({ series }) => series.map(({ readings }) => readings.at(-1)?.atS ?? 0)),
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text({ x: LEFT, y: 24, fill: "#1f2328", weight: 600 }, title),
    ...panels.map((panel, index) => drawn(panel, TOP + index * (PANEL_HEIGHT + GAP) + 22, endS)),
    "</svg>\n",
  ].join("\n")
}

function drawn({ title, series }: Panel, top: number, endS: number): string {
  const bottom = top + PANEL_HEIGHT
  const right = WIDTH - RIGHT
  const step = stepOf(Math.max(1, ...series.flatMap(({ readings }) => readings.map(({ mib }) => mib))))
  const full = step * 5
  const x = (atS: number): number => LEFT + (atS / endS) * (right - LEFT)
  const y = (mib: number): number => bottom - (mib / full) * PANEL_HEIGHT
  const grid = [0, 1, 2, 3, 4, 5].map((n) => {
    const at = y(n * step)
    return (
      `<line x1="${LEFT}" x2="${right}" y1="${at}" y2="${at}" stroke="#d8dee4"/>` +
      text({ x: LEFT - 8, y: at + 4, anchor: "end" }, String(n * step))
    )
  })
  const minutes = [0, 0.25, 0.5, 0.75, 1].map((share) =>
    text(
      { x: x(share * endS), y: bottom + 18, anchor: "middle" },
      `${Math.round((share * endS) / 60)}${share === 1 ? " min" : ""}`,
    ),
  )
  const lines = series.map(({ name, readings }, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? ""
    const points = thinned(readings).map(({ atS, mib }) => `${x(atS).toFixed(1)},${y(mib).toFixed(1)}`)
    const last = readings.at(-1)?.mib ?? 0
    return (
      `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points.join(" ")}"/>` +
      text({ x: right + 8, y: y(last) + 4, fill: colour }, `${name} ${last.toFixed(0)} MiB`)
    )
  })
  return [
    text({ x: LEFT, y: top - 8, fill: "#1f2328" }, `${title}, MiB`),
    ...grid,
    ...minutes,
    ...lines,
  ].join("\n")
}

function text(
  {
    x,
    y,
    anchor = "start",
    fill = "#57606a",
    weight = 400,
  }: { x: number; y: number; anchor?: string; fill?: string; weight?: number },
  what: string,
): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${fill}" font-weight="${weight}">${what}</text>`
}

/** A fifth of the scale: 1, 2 or 5 times a power of ten, so that all of it fits. */
function stepOf(max: number): number {
  const power = 10 ** Math.floor(Math.log10(max / 5))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step * 5 >= max) ?? 10 * power
}

function thinned(readings: readonly Reading[]): readonly Reading[] {
  const every = Math.ceil(readings.length / MAX_POINTS)
  return readings.filter((_, index) => index % every === 0 || index === readings.length - 1)
}
