import { describe, expect, it } from "vitest"
import { judge } from "./judge.ts"
import type { Attempt, Held } from "./judge.ts"

const attempt = (askedAt: number, token: number, more: Partial<Attempt> = {}): Attempt => ({
  ...{ worker: 0, host: "a", askedAt, queuedAt: null, granted: { at: askedAt + 1, token } },
  ...{ steps: [{ calledAt: askedAt + 2, returnedAt: askedAt + 3 }] },
  ...more,
})
const held = (token: number, from: number, to: number, host = "a"): Held => ({ host, token, from, to })

describe("the judge of leases", () => {
  it("finds nothing in a history where one follows the other", () => {
    const attempts = [attempt(0, 1), attempt(10, 2), attempt(5, 1, { host: "b" })]
    const leases = [held(1, 0, 5), held(2, 5, 9), held(1, 3, 8, "b")]
    expect(judge(attempts, leases)).toEqual({ overlaps: [], stale: [], tokens: [], unfair: [] })
  })

  it("finds two holders at once", () => {
    expect(judge([], [held(1, 0, 6), held(2, 5, 9)]).overlaps).toHaveLength(1)
  })

  it("finds a step of an old holder after one of the new", () => {
    const late = attempt(0, 1, { steps: [{ calledAt: 50, returnedAt: 51 }] })
    expect(judge([late, attempt(10, 2)], []).stale).toHaveLength(1)
    // One that was called before the new one had been confirmed may have been first.
    const open = attempt(0, 1, { steps: [{ calledAt: 12, returnedAt: 51 }] })
    expect(judge([open, attempt(10, 2)], []).stale).toEqual([])
  })

  it("finds a token that does not grow, or is given twice", () => {
    expect(judge([attempt(0, 5), attempt(10, 4)], []).tokens).toHaveLength(1)
    expect(judge([attempt(0, 5), attempt(10, 5)], []).tokens).toHaveLength(2)
  })

  it("finds one who was passed by in line", () => {
    const patient = attempt(0, 9, { queuedAt: 1, granted: { at: 90, token: 9 } })
    expect(judge([patient, attempt(10, 8)], []).unfair).toHaveLength(1)
    // Whoever had asked before the other stood in line may have been first.
    const same = attempt(0, 9, { queuedAt: 20, granted: { at: 90, token: 9 } })
    expect(judge([same, attempt(10, 8)], []).unfair).toEqual([])
  })
})
