import { expect, it } from "vitest"
import { goesElsewhere, mayBeTheRequest, verdictOn } from "./failures.ts"

it.each([
  [200, false],
  [400, false],
  [302, true],
  [304, false],
  [401, true],
  [402, true],
  [404, true],
  [422, false],
  [429, true],
  [500, true],
  [503, true],
  // Anthropic's word for overloaded, and what proxies say of who stands behind them.
  [529, true],
  [520, true],
])("an answer of %i goes elsewhere: %s", (status, elsewhere) => {
  expect(goesElsewhere(status)).toBe(elsewhere)
})

it("counts a host's failures, and what may be the request's only where another host answered it", () => {
  const status = (code: number) => ({ kind: "status" as const, status: code })
  expect([404, 429, 500, 529].map((code) => verdictOn(status(code)))).toEqual([
    null,
    "busy",
    "server_error",
    "server_error",
  ])
  expect([404, 429, 500, 529].map((code) => mayBeTheRequest(status(code)))).toEqual([
    false,
    false,
    true,
    false,
  ])
})
