import { RoutePolicy } from "@boocontrol/shared/route-policy"
import type { RoutePolicyGiven } from "@boocontrol/shared/route-policy"
import { expect, it } from "vitest"
import { routeHost, routeModel, routeTarget } from "../view-for-tests.ts"
import { doubtsIn } from "./policy-doubts.ts"

const coder = routeModel("qwen3-coder-30b", { aliases: ["coder"], quant: "Q6_K" })
const view = {
  hosts: [
    routeHost("box", [coder], { tags: ["fast", "office"] }),
    routeHost("attic", [routeModel("gemma-3-4b", { quant: "Q8_0" })]),
  ],
  targets: [routeTarget("deepseek")],
}
type Rule = RoutePolicyGiven["rules"][number]
const told = (rule: Rule, seen = view): string[] =>
  doubtsIn(RoutePolicy.parse({ name: "work", rules: [rule] }), seen).map(
    ({ path, message }) => `${path}: ${message}`,
  )
const pick = (given: NonNullable<Rule["candidates"]>[number]): Rule => ({ candidates: [given] })

it.each<[string, Rule, string]>([
  [
    "a host with a letter wrong",
    pick({ hosts: ["box", "atic"] }),
    'rule 1, candidate 1, hosts, entry 2: fits no host that is known now: did you mean "attic"?',
  ],
  [
    "a host nothing is near to",
    pick({ hosts: ["zzzzz"] }),
    "rule 1, candidate 1, hosts, entry 1: fits no host that is known now: there are attic, box",
  ],
  [
    "a model",
    pick({ models: ["qwen3-codr-30b"] }),
    'fits no model that is known now: did you mean "qwen3-coder-30b"?',
  ],
  [
    "a pattern of models",
    pick({ models: ["*llama*"] }),
    "fits no model that is known now: there are coder, gemma-3-4b, qwen3-coder-30b",
  ],
  [
    "a model of another pick",
    pick({ targets: ["deepseek"], models: ["coder"] }),
    "fits no model that is known now: there are big",
  ],
  ["a tag", pick({ tags: ["ofice"] }), 'fits no tag of a host that is known now: did you mean "office"?'],
  [
    "a provider",
    pick({ targets: ["deepsek"] }),
    'fits no provider that is known now: did you mean "deepseek"?',
  ],
  [
    "half of a quantisation",
    pick({ quants: ["Q6"] }),
    'fits no quantisation, since names are compared whole: write "Q6*" for all that begin so',
  ],
  [
    "a quantisation as a regular expression",
    pick({ quants: ["Q[68].*"] }),
    "fits no quantisation: only * stands for anything here, write an entry for each",
  ],
  [
    "an endpoint by its path",
    { match: { endpoint: ["chats"] } },
    'rule 1, match.endpoint, entry 1: fits no endpoint that is known now: did you mean "chat"?',
  ],
  [
    "a span of tokens that nothing is in",
    { match: { prompt_tokens: { from: 9000, below: 100 } } },
    "rule 1, match.prompt_tokens: never holds: below must be more than from, and 100 is not more than 9000",
  ],
])("doubts %s", (_, rule, expected) => {
  const [only, ...more] = told(rule)
  expect(only).toContain(expected)
  expect(more).toEqual([])
})

it("doubts nothing that leads somewhere, by id, alias or pattern, whatever the case", () => {
  const rule: Rule = {
    match: { endpoint: ["chat", "comp*"], prompt_tokens: { from: 100 }, source: ["nobody-yet"] },
    candidates: [
      { models: ["coder", "GEMMA*"], hosts: ["b*", "attic"], tags: ["fast"], quants: ["q6*", "Q8_0"] },
      { targets: ["deep*"], models: ["big"] },
    ],
  }
  expect(told(rule)).toEqual([])
})

it("offers nothing where nothing is known", () => {
  expect(told(pick({ hosts: ["box"] }), { hosts: [], targets: [] })).toEqual([
    "rule 1, candidate 1, hosts, entry 1: fits no host that is known now",
  ])
})
