// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it } from "vitest"
import { takeOver } from "./take-over.ts"

const MARKUP = `<main><button>one</button><button>two</button><input aria-label="filter"></main>`
const living = (pressed: string[]) => () => {
  document.body.innerHTML = MARKUP
  for (const button of document.querySelectorAll("button"))
    button.addEventListener("click", () => pressed.push(button.textContent))
}

beforeEach(() => {
  document.documentElement.dataset["asOf"] = "2026-11-22T12:00:00.000Z"
  document.body.innerHTML = MARKUP
})
afterEach(() => {
  delete window.booPressed
})

it("does once what was pressed on the written page, in order, and ends that page", () => {
  const pressed: string[] = []
  const onKey = ({ key, ctrlKey }: KeyboardEvent) => pressed.push(`${ctrlKey ? "Ctrl " : ""}${key}`)
  addEventListener("keydown", onKey, { once: true })
  window.booPressed = [1, "k", 0]
  takeOver(living(pressed))
  expect(pressed).toEqual(["two", "Ctrl k", "one"])
  expect(window.booPressed).toEqual([])
  expect(document.documentElement.dataset["asOf"]).toBeUndefined()
})

it("keeps what was typed, where it was scrolled to and what had the focus", () => {
  const input = document.querySelector("input")
  const main = document.querySelector("main")
  if (!input || !main) throw new Error("no page")
  input.value = "rack"
  input.focus()
  main.scrollTop = 300
  let heard = ""
  takeOver(() => {
    living([])()
    document.querySelector("input")?.addEventListener("input", ({ target }) => {
      heard = (target as HTMLInputElement).value
    })
  })
  expect(heard).toBe("rack")
  expect(document.activeElement?.tagName).toBe("INPUT")
  expect(document.querySelector("main")?.scrollTop).toBe(300)
})

it("presses nothing where nothing was pressed", () => {
  const pressed: string[] = []
  takeOver(living(pressed))
  expect(pressed).toEqual([])
})
