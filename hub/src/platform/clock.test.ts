import { expect, it } from "vitest"
import { sleep } from "./clock.ts"
import { manualClock } from "./clock-manual.ts"

it("runs timers in the order they fall due, each at its own time", () => {
  const clock = manualClock(0)
  const ran: string[] = []
  clock.setTimeout(() => ran.push(`once at ${clock.now()}`), 25)
  clock.every(10, () => ran.push(`every at ${clock.now()}`))
  clock.advance(30)
  expect(ran).toEqual(["every at 10", "every at 20", "once at 25", "every at 30"])
  expect(clock.now()).toBe(30)
})

it("runs nothing that was cancelled", () => {
  const clock = manualClock(0)
  const ran: number[] = []
  const cancelOnce = clock.setTimeout(() => ran.push(1), 5)
  const cancelEvery = clock.every(5, () => {
    ran.push(2)
    cancelEvery()
  })
  cancelOnce()
  clock.advance(100)
  expect(ran).toEqual([2])
  expect(clock.pending()).toBe(0)
})

it("ends a sleep at once when it is aborted", async () => {
  const clock = manualClock(0)
  const abort = new AbortController()
  const slept = sleep(clock, 1_000, abort.signal)
  abort.abort()
  await slept
  expect(clock.pending()).toBe(0)
  await sleep(clock, 1_000, abort.signal)
  expect(clock.pending()).toBe(0)
})
