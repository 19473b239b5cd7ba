/**
 * Whether a text fits a pattern in which `*` stands for any run of characters. Patterns meet what clients send: an
 * expression with several `.*` tries every way to share a text out among them, and takes hours over a long one.
 */
export function fitsWildcard(pattern: string, text: string): boolean {
  const first = pattern.indexOf("*")
  if (first === -1) return pattern === text
  const last = pattern.lastIndexOf("*")
  const [head, tail] = [pattern.slice(0, first), pattern.slice(last + 1)]
  const end = text.length - tail.length
  if (end < first || !text.startsWith(head) || !text.endsWith(tail)) return false
  if (first === last) return true
  let at = first
  for (const part of pattern.slice(first + 1, last).split("*")) {
    const found = text.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return at <= end
}
