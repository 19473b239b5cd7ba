// Links of cards, and rows that open something: whatever a page lists.
const ITEMS = "[data-host] h2 a, [role=row][tabindex], tbody tr [data-step], tbody tr button.open"

/** Moves the focus to the next thing of the page's list, or to its first; Enter then opens it, as for any link. */
export function stepInList(by: 1 | -1): void {
  const items = [...document.querySelectorAll<HTMLElement>(`#page :is(${ITEMS})`)].sort(topFirst)
  const at = items.findIndex((item) => item === document.activeElement)
  const next = items[at < 0 ? 0 : Math.min(items.length - 1, Math.max(0, at + by))]
  next?.focus({ preventScroll: true })
  next?.scrollIntoView({ block: "nearest" })
}

/** A list that draws only what is on screen does not keep its rows in order. */
function topFirst(a: HTMLElement, b: HTMLElement): number {
  const [from, to] = [a.getBoundingClientRect(), b.getBoundingClientRect()]
  return from.top - to.top || from.left - to.left
}
