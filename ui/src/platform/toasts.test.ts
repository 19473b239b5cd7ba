import { expect, it } from "vitest"
import { testApp } from "../test/app.ts"
import { useToasts } from "./toasts.ts"

it("keeps what has gone from the screen, the newest first, and the last fifty of it", () => {
  const { clock, run } = testApp()
  const toasts = run(() => useToasts())
  for (let n = 1; n <= 60; n++) toasts.show(`failure ${n}`, "why")
  expect(toasts.list.map(({ title }) => title)).toEqual([57, 58, 59, 60].map((n) => `failure ${n}`))
  clock.runWaiting()
  expect(toasts.list).toEqual([])
  expect(toasts.past).toHaveLength(50)
  expect(toasts.past[0]).toMatchObject({ title: "failure 60", atMs: clock.at })
})

it("counts what nobody has read yet", () => {
  const toasts = testApp().run(() => useToasts())
  toasts.show("a", "b")
  expect(toasts.unread).toBe(1)
  toasts.review(true)
  expect([toasts.unread, toasts.reviewing]).toEqual([0, true])
})
