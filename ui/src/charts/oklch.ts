export interface Rgb {
  /** 0 to 255. */
  readonly r: number
  readonly g: number
  readonly b: number
  /** 0 to 1. */
  readonly alpha: number
}

/** Reads `oklch(L C H / A)` as CSS writes it: L as number or percent, hue in degrees. Null where it is none. */
export function parseOklch(text: string): Rgb | null {
  const match =
    /^oklch\(\s*([\d.]+)(%?)\s+([\d.]+)\s+(-?[\d.]+)(?:deg)?\s*(?:\/\s*([\d.]+)(%?)\s*)?\)$/i.exec(
      text.trim(),
    )
  if (!match) return null
  const [, l = "0", lPercent, c = "0", h = "0", a, aPercent] = match
  const lightness = Number(l) / (lPercent === "%" ? 100 : 1)
  const alpha = a === undefined ? 1 : Number(a) / (aPercent === "%" ? 100 : 1)
  return { ...oklchToRgb(lightness, Number(c), Number(h)), alpha: Math.min(1, Math.max(0, alpha)) }
}

/** Björn Ottosson's Oklab to sRGB. What lies outside sRGB is clipped per channel, as browsers do on such screens. */
function oklchToRgb(lightness: number, chroma: number, hueDeg: number): Omit<Rgb, "alpha"> {
  const hue = (hueDeg * Math.PI) / 180
  const a = chroma * Math.cos(hue)
  const b = chroma * Math.sin(hue)
  const l = (lightness + 0.3963377773761749 * a + 0.2158037573099136 * b) ** 3
  const m = (lightness - 0.1055613458156586 * a - 0.0638541728258133 * b) ** 3
  const s = (lightness - 0.0894841775298119 * a - 1.2914855480194092 * b) ** 3
  return {
    r: toByte(4.0767416360759574 * l - 3.3077115392580616 * m + 0.2309699031821044 * s),
    g: toByte(-1.2684379732850317 * l + 2.6097573492876887 * m - 0.3413193760026573 * s),
    b: toByte(-0.0041960761386756 * l - 0.7034186179359362 * m + 1.7076146940746117 * s),
  }
}

function toByte(linear: number): number {
  const value = linear <= 0.0031308 ? linear * 12.92 : 1.055 * linear ** (1 / 2.4) - 0.055
  return Math.round(Math.min(1, Math.max(0, value)) * 255)
}

/** As ECharts parses it; a text that is no oklch is handed on as it is. */
export function toRgbText(css: string, opacity = 1): string {
  const rgb = parseOklch(css)
  if (!rgb) return css.trim()
  const alpha = Math.round(rgb.alpha * opacity * 1000) / 1000
  return alpha === 1 ? `rgb(${rgb.r}, ${rgb.g}, ${rgb.b})` : `rgba(${rgb.r}, ${rgb.g}, ${rgb.b}, ${alpha})`
}
