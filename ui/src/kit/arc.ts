const CENTER = { x: 37, y: 38 }
const RADIUS = 30
// The scale opens downward: it begins left of the bottom and ends right of it.
const START_DEG = -104
const SWEEP_DEG = 208

/** SVG path of a gauge's arc from its start to `fraction` (0 to 1) of its sweep. */
export function arcPath(fraction: number): string {
  const share = Math.min(1, Math.max(0.004, fraction))
  const from = pointAt(START_DEG)
  const to = pointAt(START_DEG + SWEEP_DEG * share)
  const large = SWEEP_DEG * share > 180 ? 1 : 0
  return `M${from}A${RADIUS} ${RADIUS} 0 ${large} 1 ${to}`
}

function pointAt(degrees: number): string {
  const radians = (degrees * Math.PI) / 180
  const x = CENTER.x + RADIUS * Math.sin(radians)
  const y = CENTER.y - RADIUS * Math.cos(radians)
  return `${x.toFixed(1)} ${y.toFixed(1)}`
}
