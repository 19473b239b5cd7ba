import Anser from "anser"
import type { TextRange } from "./found.ts"
import { plainText } from "./line.ts"

export interface Span {
  readonly text: string
  readonly classes: readonly string[]
  readonly style: Readonly<Record<string, string>> | null
  readonly isMarked: boolean
}

type Piece = Omit<Span, "isMarked">

/** A line as pieces of one look: colours of a terminal become the theme's own, and what was searched for is marked. */
export function spansOf(raw: string, ranges: readonly TextRange[]): Span[] {
  return marked(piecesOf(raw), ranges)
}

function piecesOf(raw: string): Piece[] {
  if (!raw.includes("\u001B")) return [{ text: plainText(raw), classes: [], style: null }]
  return Anser.ansiToJson(raw, { json: true, remove_empty: true, use_classes: true }).map((entry) => {
    const foreground = colourOf(entry.fg, entry.fg_truecolor)
    const background = colourOf(entry.bg, entry.bg_truecolor)
    const style = {
      ...(foreground.value ? { color: foreground.value } : {}),
      ...(background.value ? { backgroundColor: background.value } : {}),
    }
    return {
      text: plainText(entry.content),
      classes: [
        ...(foreground.name ? [foreground.name] : []),
        ...(background.name ? [`${background.name}-bg`] : []),
        ...entry.decorations.filter((decoration) => KNOWN_DECORATIONS.has(decoration)),
      ],
      style: Object.keys(style).length > 0 ? style : null,
    }
  })
}

const KNOWN_DECORATIONS: ReadonlySet<string> = new Set([
  "bold",
  "dim",
  "italic",
  "underline",
  "strikethrough",
])

/** The sixteen named colours follow the theme; the others are as the program said. */
function colourOf(name: string | null, trueColour: string | null): { name?: string; value?: string } {
  if (!name) return {}
  if (name === "ansi-truecolor") return trueColour ? { value: `rgb(${trueColour})` } : {}
  const index = Number(/^ansi-palette-(\d+)$/.exec(name)?.[1] ?? Number.NaN)
  return Number.isNaN(index) ? { name } : { value: paletteColour(index) }
}

/** Colours 16 to 255 of a terminal: a cube of six steps each, then greys. */
function paletteColour(index: number): string {
  if (index >= 232) return grey(8 + (index - 232) * 10)
  const step = (value: number) => (value === 0 ? 0 : 55 + value * 40)
  const cube = index - 16
  return `rgb(${step(Math.floor(cube / 36))}, ${step(Math.floor(cube / 6) % 6)}, ${step(cube % 6)})`
}

function grey(value: number): string {
  return `rgb(${value}, ${value}, ${value})`
}

function marked(pieces: readonly Piece[], ranges: readonly TextRange[]): Span[] {
  const spans: Span[] = []
  let at = 0
  for (const piece of pieces) {
    const end = at + piece.text.length
    let from = at
    for (const [start, stop] of ranges) {
      const [left, right] = [Math.max(start, from), Math.min(stop, end)]
      if (left >= right) continue
      if (left > from) spans.push({ ...piece, text: piece.text.slice(from - at, left - at), isMarked: false })
      spans.push({ ...piece, text: piece.text.slice(left - at, right - at), isMarked: true })
      from = right
    }
    if (from < end) spans.push({ ...piece, text: piece.text.slice(from - at), isMarked: false })
    at = end
  }
  return spans
}
