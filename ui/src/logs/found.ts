// Imports nothing: a worker runs this, and would bring along whatever it named.

export type TextRange = readonly [start: number, end: number]
/** More marks in one line say nothing. */
const MAX_RANGES = 40

/** Where a plain text stands in a line. */
export function rangesOfText(line: string, text: string): TextRange[] {
  if (text === "") return []
  const ranges: TextRange[] = []
  for (const match of line.matchAll(new RegExp(escaped(text), "gi"))) {
    ranges.push([match.index, match.index + match[0].length])
    if (ranges.length >= MAX_RANGES) break
  }
  return ranges
}

/** Where a pattern stands in a line; null where it does not. Runs in the worker. */
export function rangesOfPattern(line: string, pattern: RegExp): TextRange[] | null {
  pattern.lastIndex = 0
  const ranges: TextRange[] = []
  for (let match = pattern.exec(line); match; match = pattern.exec(line)) {
    ranges.push([match.index, match.index + match[0].length])
    if (match[0] === "") pattern.lastIndex += 1
    if (ranges.length >= MAX_RANGES) break
  }
  return ranges.length > 0 ? ranges : null
}

export function patternOf(text: string): RegExp {
  return new RegExp(text, "gi")
}

/** A text as a pattern that finds just it. */
export function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
