/** Where a line begins and ends in a text; lines count from 1. */
export function placeOfLine(text: string, line: number): { from: number; to: number } {
  const lines = text.split("\n")
  const before = lines.slice(0, Math.max(0, line - 1))
  const from = Math.min(
    text.length,
    before.reduce((sum, one) => sum + one.length + 1, 0),
  )
  return { from, to: from + (lines[line - 1]?.length ?? 0) }
}
