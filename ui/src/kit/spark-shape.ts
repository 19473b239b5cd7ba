export interface SparkPoint {
  readonly t: number
  readonly value: number | null
}

export interface SparkShape {
  readonly line: string
  readonly area: string
  readonly holes: readonly { readonly x: number; readonly width: number }[]
}

export interface SparkFrame {
  readonly endMs: number
  readonly windowMs: number
  readonly max: number
}

const WIDTH = 150
const HEIGHT = 50
const TOP = 3
// Samples come each second, history every two: what is further apart than this was not measured.
const HOLE_MS = 12_000

/** Paths on a 150 x 50 field, the newest moment at its right edge. Points are sorted by time. */
export function sparkShape(points: readonly SparkPoint[], { endMs, windowMs, max }: SparkFrame): SparkShape {
  const startMs = endMs - windowMs
  const x = (t: number) => ((t - startMs) / windowMs) * WIDTH
  const y = (value: number) => HEIGHT - 1 - Math.min(1, Math.max(0, value / max)) * (HEIGHT - TOP - 1)
  const holes: { x: number; width: number }[] = []
  const runs: SparkPoint[][] = []
  let before = startMs
  let run: SparkPoint[] = []
  for (const point of points) {
    if (point.t < startMs || point.t > endMs || point.value === null) continue
    if (point.t - before > HOLE_MS) {
      holes.push({ x: round(x(before)), width: round(x(point.t) - x(before)) })
      run = []
    }
    if (run.length === 0) runs.push(run)
    run.push(point)
    before = point.t
  }
  if (endMs - before > HOLE_MS) holes.push({ x: round(x(before)), width: round(WIDTH - x(before)) })
  const lines = runs.map((one) => one.map(({ t, value }) => `${round(x(t))} ${round(y(value ?? 0))}`))
  return {
    line: lines.map((one) => `M${one.join("L")}`).join(""),
    area: lines.map((one, index) => areaUnder(one, runs[index] ?? [], x)).join(""),
    holes,
  }
}

function areaUnder(line: readonly string[], run: readonly SparkPoint[], x: (t: number) => number): string {
  const first = run[0]
  const last = run.at(-1)
  if (!first || !last) return ""
  return `M${line.join("L")}L${round(x(last.t))} ${HEIGHT}L${round(x(first.t))} ${HEIGHT}Z`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
