// @vitest-environment happy-dom
import { flushPromises } from "@vue/test-utils"
import { expect, it, vi } from "vitest"
import { cockpit } from "../test/mounted.ts"
import ShellKeys from "./ShellKeys.vue"

function press(key: string, on: EventTarget = document.body): void {
  on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }))
}

it("opens the sheet of keys, but not for who writes in a field", async () => {
  const shown = cockpit().show(ShellKeys)
  const field = document.body.appendChild(document.createElement("input"))
  press("?", field)
  await flushPromises()
  expect(document.querySelector("dialog")).toBeNull()
  press("?")
  await vi.waitFor(() => expect(document.querySelector("dialog")?.textContent).toContain("Next card or row"))
  shown.unmount()
  field.remove()
})

it("goes to a page by two keys, and finds by one", async () => {
  const shown = cockpit().show(ShellKeys)
  press("/")
  expect(shown.emitted("search")).toHaveLength(1)
  press("g")
  press("s")
  await vi.waitFor(() => expect(shown.vm.$router.currentRoute.value.name).toBe("storage"))
  shown.unmount()
})

it("steps through what a page lists", () => {
  const page = document.body.appendChild(document.createElement("div"))
  page.id = "page"
  page.innerHTML = `<a href="#">other</a><div role="row" tabindex="0">one</div><div role="row" tabindex="0">two</div>`
  const shown = cockpit().show(ShellKeys)
  const focused = () => document.activeElement?.textContent
  const seen = ["j", "j", "j", "k"].map((key) => (press(key), focused()))
  expect(seen).toEqual(["one", "two", "two", "one"])
  shown.unmount()
  page.remove()
})
