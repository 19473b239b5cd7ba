import { DeadLetterRetried } from "@boocontrol/shared/retention"
import { expect, it } from "vitest"
import { outcomeOf, reasonLines } from "./dead-letters.ts"

const batch = (given: object): DeadLetterRetried =>
  DeadLetterRetried.parse({
    ...{ retried: 0, stored: 0, still_dead: [], skipped: { not_kept: 0, host_disabled: 0 }, next: null },
    ...given,
  })
const dead = (reason: string, count: number) => ({ reason, count })

it.each<[object[], string]>([
  [[{ retried: 3, stored: 3 }], "3 of 3 stored."],
  [[], "Nothing was tried."],
  [
    [
      { retried: 1000, stored: 990, still_dead: [dead("future", 10)] },
      { retried: 500, stored: 495, still_dead: [dead("unstorable", 1), dead("future", 4)] },
      {},
    ],
    "1,485 of 1,500 stored; still dead: 14 future, 1 unstorable.",
  ],
  [[{ skipped: { not_kept: 2, host_disabled: 0 } }], "Nothing was tried; of 2 nothing is kept to try."],
  [
    [{ retried: 1, stored: 1, skipped: { not_kept: 0, host_disabled: 4 } }],
    "1 of 1 stored; 4 left alone, since their host is disabled.",
  ],
])("says what became of %j: %s", (batches, words) => {
  expect(outcomeOf(batches.map(batch))).toBe(words)
})

it("asks before anything that is kept is tried, and says when that is worth it", () => {
  const [future, gone, other] = reasonLines([
    { reason: "future", total: 1_200, kept: 1 },
    { reason: "aged-out", total: 4, kept: 0 },
    { reason: "of a newer hub", total: 1, kept: 1 },
  ])
  expect(future).toMatchObject({
    ...{ total: "1,200", meaning: expect.stringContaining("once the hub's clock is put right") },
    question: expect.stringContaining("Read 1 kept message once more?"),
  })
  expect(gone).toMatchObject({ question: null })
  expect(other).toMatchObject({ reason: "of a newer hub", meaning: "" })
})
