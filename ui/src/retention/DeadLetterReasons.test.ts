// @vitest-environment happy-dom
import { flushPromises } from "@vue/test-utils"
import { expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import DeadLetterReasons from "./DeadLetterReasons.vue"

const reasons = [
  { reason: "future", total: 3, kept: 3 },
  { reason: "aged-out", total: 1, kept: 0 },
]
const told = (given: object) => ({
  ...{ retried: 0, stored: 0, still_dead: [], skipped: { not_kept: 0, host_disabled: 0 }, next: null },
  ...given,
})

function shown() {
  const world = cockpit()
  const page = world.show(DeadLetterReasons, { reasons })
  const button = (text: string) => page.findAll("button").find((one) => one.text() === text)
  const press = async (text: string) => {
    await button(text)?.trigger("click")
    await flushPromises()
  }
  return { ...world, page, button, press, words: () => wordsOf(page) }
}

it("tries those of a reason again only once it was said what that does, and says what became of them", async () => {
  const { api, page, press, words } = shown()
  await press("Try again")
  expect(words()).toContain("Read 3 kept messages once more?")
  await press("Leave them")
  expect(words()).not.toContain("once more?")
  expect(api.asked).toEqual([])
  await press("Try again")
  api.answers.push(
    told({ retried: 2, stored: 2, next: 7 }),
    told({ retried: 1, still_dead: [{ reason: "future", count: 1 }], next: 9 }),
    told({}),
  )
  await press("Try them again")
  expect(api.asked.map(({ path, body }) => [path, body])).toEqual(
    [0, 7, 9].map((after) => ["dead-letters/retry", { reason: "future", after, limit: 500 }]),
  )
  expect(wordsOf(page.get('[role="status"]'))).toBe("2 of 3 stored; still dead: 1 future.")
  expect(page.emitted("retried")).toHaveLength(1)
})

it("offers nothing where nothing is kept", () => {
  const { page } = shown()
  expect(page.findAll("button").map((one) => one.attributes("aria-label"))).toEqual(["Try future again"])
})

it("says what was done by then where the hub could not go on", async () => {
  const { api, page, press } = shown()
  await press("Try again")
  api.answers.push(
    told({ retried: 2, stored: 2, next: 7 }),
    new ApiError("Postgres does not answer", { code: "DATABASE_DOWN", status: 503 }),
  )
  await press("Try them again")
  expect(wordsOf(page.get('[role="status"]'))).toBe("2 of 2 stored. Postgres does not answer")
})

it("still says what became of a reason that went with its last letter", async () => {
  const { api, page, press } = shown()
  await press("Try again")
  api.answers.push(told({ retried: 3, stored: 3 }))
  await press("Try them again")
  await page.setProps({ reasons: [] })
  expect(wordsOf(page)).toContain("3 of 3 stored.")
})
