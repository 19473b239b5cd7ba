import { describe, expect, it } from "vitest"
import { DEFAULT_POLICIES, RoutePolicy } from "@boocontrol/shared/route-policy"
import type { RouteMatch, RoutePick } from "@boocontrol/shared/route-policy"
import { policy, routeAsk, routeHost, routeModel, routeTarget } from "../view-for-tests.ts"
import { pattern, placesOf, ruleFor } from "./policy.ts"
import { providerOf } from "./view.ts"

const noonThursday = Date.UTC(2026, 10, 26, 12)
const applies = (match: RouteMatch, ask = {}, nowMs = noonThursday): boolean =>
  ruleFor(policy({ name: "p", rules: [{ match }] }), routeAsk("auto:p", ask), nowMs) !== null

describe("when a rule applies", () => {
  it.each<[string, RouteMatch, object, boolean]>([
    ["nothing said", {}, {}, true],
    ["its source", { source: ["boo*"] }, { source: "boochat" }, true],
    ["another source", { source: ["boo*"] }, { source: "people" }, false],
    ["no source", { source: ["*"] }, { source: null }, false],
    ["tools wanted", { tools: true }, { tools: true }, true],
    ["no images wanted", { images: false }, { images: true }, false],
    ["a long prompt", { prompt_tokens: { from: 8000 } }, { prompt_tokens: 8000 }, true],
    ["a prompt just too long", { prompt_tokens: { below: 8000 } }, { prompt_tokens: 8000 }, false],
    ["a prompt nobody counted", { prompt_tokens: { below: 8000 } }, { prompt_tokens: null }, false],
    ["a header", { header: { "x-team": "red*" } }, { headers: { "x-team": "Red-1" } }, true],
    ["a header that is not there", { header: { "x-team": "*" } }, {}, false],
    ["a header of a name that every object has", { header: { constructor: "*" } }, {}, false],
    ["all of several", { tools: true, endpoint: ["messages"] }, { tools: true }, false],
  ])("%s", (_name, match, ask, wanted) => expect(applies(match, ask)).toBe(wanted))

  it.each<[string, RouteMatch["time"], number, boolean]>([
    ["within the day", { from: "08:00", to: "18:00" }, noonThursday, true],
    ["at its very end", { from: "08:00", to: "12:00" }, noonThursday, false],
    [
      "over midnight, before it",
      { from: "22:00", to: "06:00", days: ["thu"] },
      noonThursday + 11 * 3_600_000,
      true,
    ],
    [
      "over midnight, after it, of the day it began",
      { from: "22:00", to: "06:00", days: ["thu"] },
      noonThursday + 15 * 3_600_000,
      true,
    ],
    [
      "over midnight, after it, of the day it ends",
      { from: "22:00", to: "06:00", days: ["fri"] },
      noonThursday + 15 * 3_600_000,
      false,
    ],
    ["another day", { from: "08:00", to: "18:00", days: ["fri"] }, noonThursday, false],
  ])("%s", (_name, time, nowMs, wanted) => expect(applies({ time }, {}, nowMs)).toBe(wanted))
})

describe("what a rule picks", () => {
  const view = {
    hosts: [
      routeHost("big", [routeModel("qwen-32b", { quant: "Q6_K" }), routeModel("far/x", { isPeer: true })], {
        tags: ["fast"],
      }),
      routeHost("small", [routeModel("qwen-8b", { quant: "Q4_K_M", aliases: ["mini"] })]),
    ],
    targets: [routeTarget("cloud")],
  }
  const picked = (...candidates: RoutePick[]): string[] => {
    const rules = policy({ name: "p", rules: [candidates.length > 0 ? { candidates } : {}] }).rules
    return rules.flatMap((rule) =>
      placesOf(rule, view).map((place) => `${providerOf(place)}/${place.model.id}`),
    )
  }
  it.each<[string, RoutePick[], string[]]>([
    ["without a word every host's own models, and no provider", [], ["big/qwen-32b", "small/qwen-8b"]],
    ["models by pattern, case aside", [{ models: ["QWEN-*b"] }], ["big/qwen-32b", "small/qwen-8b"]],
    ["an alias", [{ models: ["mini"] }], ["small/qwen-8b"]],
    ["a tag", [{ tags: ["fast"] }], ["big/qwen-32b"]],
    ["a quant", [{ quants: ["Q6*"] }], ["big/qwen-32b"]],
    ["a provider only by its name", [{ models: ["big"] }, { targets: ["cloud"] }], ["cloud/big"]],
    ["peers only where it says so", [{ hosts: ["big"], peers: true }], ["big/qwen-32b", "big/far/x"]],
    ["nothing where both are asked for", [{ hosts: ["big"], targets: ["cloud"] }], []],
  ])("is %s", (_name, picks, wanted) => expect(picked(...picks)).toEqual(wanted))

  it("takes a pattern for what it says, not for an expression", () => {
    expect(pattern("a.b")("axb")).toBe(false)
    expect(pattern("(*)[")("(anything)[")).toBe(true)
    expect(pattern(`${"*a".repeat(20)}*b`)("A".repeat(16_000))).toBe(false)
  })
})

it("the policies that come with it are valid and are the four that are promised", () => {
  expect(DEFAULT_POLICIES.map((given) => RoutePolicy.parse(given).name)).toEqual([
    "auto",
    "code",
    "fast",
    "cheap",
  ])
})
