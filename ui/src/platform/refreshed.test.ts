import { effectScope } from "vue"
import { expect, it } from "vitest"
import { testApp } from "../test/app.ts"
import { useRefreshed } from "./refreshed.ts"

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

it("asks again after each answer, keeps the last one when a question fails, and stops with its page", async () => {
  const { clock, run } = testApp()
  const answers: (string | Error)[] = ["one", new Error("away"), "two"]
  const scope = effectScope()
  const refreshed = scope.run(() =>
    run(() =>
      useRefreshed(5_000, async () => {
        const answer = answers.shift()
        if (answer instanceof Error) throw answer
        return answer
      }),
    ),
  )
  const seen: unknown[] = []
  for (let round = 0; round < 3; round++) {
    clock.runWaiting()
    await settled()
    seen.push([refreshed?.value.value, refreshed?.error.value instanceof Error])
  }
  expect(seen).toEqual([
    ["one", false],
    ["one", true],
    ["two", false],
  ])
  expect(clock.waiting.map(({ delayMs }) => delayMs)).toEqual([5_000])
  scope.stop()
  expect(clock.waiting).toEqual([])
})

it("drops an answer that comes after a newer question", async () => {
  const { clock, run } = testApp()
  const waiting: ((answer: string) => void)[] = []
  const scope = effectScope()
  const refreshed = scope.run(() =>
    run(() => useRefreshed(5_000, () => new Promise<string>((resolve) => waiting.push(resolve)))),
  )
  clock.runWaiting()
  const second = refreshed?.load()
  waiting[1]?.("new")
  await second
  waiting[0]?.("old")
  await settled()
  expect(refreshed?.value.value).toBe("new")
  scope.stop()
})
