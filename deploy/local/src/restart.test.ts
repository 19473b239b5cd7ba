import { expect, it } from "vitest"
import { decideRestart } from "./restart.ts"

it.each([
  [{ code: 2, aliveMs: 10, failures: 0 }, { kind: "give-up" }],
  [
    { code: 1, aliveMs: 10, failures: 0 },
    { kind: "restart", afterMs: 500, failures: 1 },
  ],
  [
    { code: null, aliveMs: 10, failures: 3 },
    { kind: "restart", afterMs: 4000, failures: 4 },
  ],
  [
    { code: 1, aliveMs: 10, failures: 40 },
    { kind: "restart", afterMs: 30_000, failures: 41 },
  ],
  [
    { code: 0, aliveMs: 60_000, failures: 5 },
    { kind: "restart", afterMs: 0, failures: 0 },
  ],
] as const)("decides %j", (ended, decision) => {
  expect(decideRestart(ended)).toEqual(decision)
})
