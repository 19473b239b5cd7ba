declare global {
  interface Window {
    /** What was pressed before the page lived: a button, as its place among all, or a key with Ctrl. Kept by public/boot.js. */
    booPressed?: (number | string)[]
  }
}

const SCROLLED = "main"

/** The living page takes the place of the one the hub wrote, in one go; what somebody did there meanwhile is not lost. */
export function takeOver(mount: () => void): void {
  const top = document.querySelector(SCROLLED)?.scrollTop ?? 0
  const focused = placeOf(document.activeElement)
  const typed = [...document.querySelectorAll("input")].map(({ value }) => value)
  mount()
  delete document.documentElement.dataset["asOf"]
  if (top > 0) document.querySelector(SCROLLED)?.scrollTo({ top, behavior: "instant" })
  if (focused !== null)
    [...document.querySelectorAll<HTMLElement>(FOCUSABLE)][focused]?.focus({ preventScroll: true })
  typed.forEach((value, index) => {
    const input = document.querySelectorAll("input")[index]
    if (!input || value === "") return
    input.value = value
    input.dispatchEvent(new Event("input", { bubbles: true }))
  })
  const buttons = [...document.querySelectorAll("button")]
  for (const pressed of window.booPressed?.splice(0) ?? []) {
    if (typeof pressed === "number") buttons[pressed]?.click()
    else dispatchEvent(new KeyboardEvent("keydown", { key: pressed, ctrlKey: true }))
  }
}

const FOCUSABLE = "a, button, input"

function placeOf(element: Element | null): number | null {
  const index = element ? [...document.querySelectorAll(FOCUSABLE)].indexOf(element) : -1
  return index < 0 ? null : index
}
