import { expect, it } from "vitest"
import { RouteDispatch, RouteScore } from "@boocontrol/shared/routing"
import { RoutePolicy } from "@boocontrol/shared/route-policy"
import {
  askFacts,
  badgesOf,
  chosenWhy,
  costOf,
  ruleText,
  ruleVerdict,
  scoreLines,
  statusOf,
  textOf,
  timeOf,
  withNewer,
} from "./view.ts"

const score = (model: string, more: Partial<RouteScore> = {}): RouteScore =>
  RouteScore.parse({
    ...{ kind: "host", provider_id: "a", model, quant: null, state: "ready", status: "loaded", inflight: 0 },
    ...{ load_ms: 1, prompt_tps: 1, gen_tps: 1, context_length: 1, cost_per_mtok: 1, best_for: [] },
    quality: { code: { score: 0.5, basis: "prior" } },
    ...more,
  })
const dispatch = (more: Partial<RouteDispatch> = {}): RouteDispatch =>
  RouteDispatch.parse({
    ...{
      id: "1",
      ts: "2026-11-26T12:00:00.000Z",
      request_id: null,
      asked_model: "auto",
      resolved_as: "policy",
    },
    ...{
      policy: "auto",
      policy_version: 1,
      rule: "any",
      source: "people",
      key_label: null,
      endpoint: "messages",
    },
    ...{ attempt: 1, provider_id: "a", model: "m", swap: false, wait_ms: 0, expected_ttft_ms: 1, ttft_ms: 1 },
    ...{ duration_ms: 1, outcome: "ok", reason: null, cost: null, candidates: [] },
    ...more,
  })

it("says of a provider that it is ready, since nothing is loaded there, and of a broken one what it is", () => {
  expect(statusOf(score("m", { kind: "target", state: null })).text).toBe("ready")
  expect(statusOf(score("m", { kind: "target", state: null, status: "unhealthy" })).text).toBe("unhealthy")
  expect(statusOf(score("m")).text).toBe("loaded")
})

it("shows times and costs short, and what is not known as such", () => {
  expect([null, 12, 1234, 45_000].map(timeOf)).toEqual(["–", "12 ms", "1.2 s", "45 s"])
  expect([null, 0, 1.234, 0.00123].map(costOf)).toEqual(["–", "0", "1.23", "0.0012"])
})

it("puts the best of a task first, and what cannot be asked last", () => {
  const quality = (value: number) => ({ code: { score: value, basis: "measured" as const } })
  const rows = [
    score("low"),
    score("gone", { status: "offline", quality: quality(0.9) }),
    score("high", { quality: quality(0.8) }),
  ]
  expect(
    scoreLines(rows, "code").map(({ score: { model }, quality: text, isPrior }) => [model, text, isPrior]),
  ).toEqual([
    ["high", "80", false],
    ["low", "50", true],
    ["gone", "90", false],
  ])
  expect(badgesOf(score("m", { best_for: ["code"] }))).toEqual(["best code model now"])
  expect(badgesOf(score("m", { best_for: ["code", "chat", "general", "utility"] }))).toEqual([
    "best all-round model now",
  ])
})

it("says a rule in words", () => {
  const { rules } = RoutePolicy.parse({
    name: "p",
    rules: [{ order: "quality", task: "code", match: { tools: true }, filters: { quality_floor: 0.6 } }],
  })
  expect(rules.map(ruleText)).toEqual(["best at code · when tools · at least 60"])
})

it("shows a policy as text that means the same", () => {
  const policy = RoutePolicy.parse({ name: "p", description: "d", rules: [{ order: "fast" }] })
  expect(RoutePolicy.parse(JSON.parse(textOf(policy)))).toEqual(policy)
})

it("says why a request went where it went", () => {
  expect(chosenWhy(dispatch({ reason: "reset" }))).toBe("reset")
  expect(chosenWhy(dispatch())).toBe("nobody could serve it")
})

it("says what became of every rule", () => {
  const rule = (name: string, misses: string[], isUsed = false) => ({ name, misses, is_used: isUsed })
  const rules = [rule("a", ["source", "tools"]), rule("b", ["time"]), rule("c", [], true), rule("d", [])]
  expect(rules.map((_, index) => ruleVerdict(rules, index).text)).toEqual([
    "source, tools do not match",
    "time does not match",
    "matches, and is used",
    "not reached",
  ])
  expect(ruleVerdict([rule("d", [])], 0).text).toBe("the policy is switched off")
})

it("says of a request what a policy could look at, where it was noted", () => {
  expect(askFacts(dispatch())).toEqual([])
  const noted = {
    key_label: "team",
    tools: true,
    images: true,
    asked_tokens: 1200,
    prompt_tokens: 1000,
    output_tokens: 5,
  }
  expect(askFacts(dispatch({ ...noted, headers: { "x-team": "red", "x-none": null } }))).toEqual([
    ...[
      "key team",
      "tools",
      "images",
      "prompt taken for 1,200 tokens",
      "1,000 + 5 tokens counted",
      "x-team: red",
    ],
  ])
})

it("adds newer decisions to those that are known, and lets these go where some between them were not read", () => {
  const rows = (...ids: string[]) => ids.map((id) => dispatch({ id }))
  const ids = (known: string[], fresh: string[]) =>
    withNewer(rows(...known), rows(...fresh)).map(({ id }) => id)
  expect(ids(["3", "2", "1"], ["4", "3"])).toEqual(["4", "3", "2", "1"])
  expect(ids(["3", "2", "1"], ["9", "8"])).toEqual(["9", "8"])
  expect(ids(["1"], [])).toEqual(["1"])
})
