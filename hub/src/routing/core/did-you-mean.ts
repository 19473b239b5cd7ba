/** Of what there is, what somebody most likely meant; null where nothing is near. */
export function didYouMean(given: string, known: Iterable<string>): string | null {
  const word = plain(given)
  let [best, least]: [string | null, number] = [null, Infinity]
  for (const option of known) {
    const other = plain(option)
    // One letter in three: `fastest` for `fast` is farther, and begins with it.
    const begins =
      Math.min(word.length, other.length) >= 3 && (word.startsWith(other) || other.startsWith(word))
    const steps = begins ? 1 : stepsBetween(word, other)
    if (steps >= least || steps > Math.max(1, Math.floor(Math.max(word.length, other.length) / 3))) continue
    ;[best, least] = [option, steps]
  }
  return best
}

/** Case, dashes and underscores are what people get wrong first. */
function plain(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]/g, "")
}

/** Letters to add, to leave out, to change, or to swap with their neighbour. */
function stepsBetween(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, n) => n)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const [above, left, both] = [row[j + 1] ?? 0, next[j] ?? 0, row[j] ?? 0]
      const isSwapped = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j]
      const swapped = isSwapped ? (before[j - 1] ?? 0) + 1 : Infinity
      next.push(Math.min(both + (a[i] === b[j] ? 0 : 1), above + 1, left + 1, swapped))
    }
    ;[before, row] = [row, next]
  }
  return row.at(-1) ?? 0
}
