import { RoutePolicy } from "@boocontrol/shared/route-policy"
import { expect, it } from "vitest"
import { explainOf, headersOf, plainAsk, rareCount } from "./asks.ts"
import type { ImaginedAsk } from "./asks.ts"

/** A Thursday, 14:30 UTC. */
const NOW = Date.parse("2026-11-26T14:30:20.000Z")
const policy = RoutePolicy.parse({
  name: "work",
  rules: [
    { match: { header: { "x-team": "red" }, source: ["boo*"] } },
    { match: { header: { "x-team": "*", "x-b": "1" } } },
  ],
})
const asked = (change: Partial<ImaginedAsk> = {}) => {
  const told = explainOf({ ...plainAsk(policy), ...change }, policy, NOW)
  return told.ok ? told.request : told.problems
}

it("sets everything that a policy can match on", () => {
  const whole: Partial<ImaginedAsk> = {
    ...{
      tokens: 9000,
      maxTokens: 200,
      tools: true,
      images: true,
      source: "boocoder",
      key: "team",
      time: "22:15",
    },
    ...{
      endpoint: "messages",
      headers: [
        { name: "X-Team", value: "red" },
        { name: "x-b", value: "" },
      ],
    },
  }
  expect(asked(whole)).toEqual({
    ...{ model: "auto:work", source: "boocoder", key: "team", endpoint: "messages", prompt_tokens: 9000 },
    ...{
      max_tokens: 200,
      tools: true,
      images: true,
      headers: { "x-team": "red" },
      served_by: "any",
      session: null,
      lease: null,
    },
    ...{ asked_at: "2026-11-26T22:15:00.000Z", policy },
  })
  expect(rareCount({ ...plainAsk(policy), ...whole })).toBe(6)
  expect(rareCount(plainAsk(policy))).toBe(0)
  expect(headersOf(policy)).toEqual(["x-team", "x-b"])
})

it.each<[string, Partial<ImaginedAsk>, string | undefined]>([
  ["now", {}, undefined],
  ["a day, at this time of day", { day: "sat" }, "2026-11-28T14:30:00.000Z"],
  ["today", { day: "thu", time: "06:00" }, "2026-11-26T06:00:00.000Z"],
  ["the next of a day that is over", { day: "wed", time: "06:00" }, "2026-12-02T06:00:00.000Z"],
])("asks at %s", (_what, change, at) =>
  expect(asked(change)).toMatchObject(at === undefined ? {} : { asked_at: at }),
)

it("leaves the time of day out where it is now", () => expect(asked()).not.toHaveProperty("asked_at"))

it("sends another name past the edited policy, as it would go today", () => {
  expect(asked({ model: "qwen3-8b" })).not.toHaveProperty("policy")
})

it("says which field is wrong instead of asking", () => {
  expect(asked({ source: "Not a Label", tokens: -1, model: "" })).toEqual([
    expect.stringMatching(/^model: /),
    expect.stringMatching(/^source: /),
    expect.stringMatching(/^prompt_tokens: /),
  ])
})
