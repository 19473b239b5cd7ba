import { RoutePolicy } from "@boocontrol/shared/route-policy"
import { expect, it } from "vitest"
import { parse as parseYaml } from "yaml"
import * as z from "zod/mini"
import { POLICY_FIELDS } from "./policy-fields.ts"
import { problemsIn } from "./policy-problems.ts"

const told = (policy: unknown): string[] => {
  const parsed = RoutePolicy.safeParse(policy)
  const problems = parsed.success ? [] : problemsIn(policy, parsed.error.issues)
  return problems.map(({ path, message }) => `${path}: ${message}`)
}
const rule = (given: unknown) => ({ name: "work", rules: [given] })
const pick = (given: unknown) => rule({ candidates: [given] })
const match = (given: unknown) => rule({ match: given })
const time = (from: unknown) => match({ time: { from, to: "20:00" } })
const dispatch = (given: unknown) => rule({ dispatch: given })

it.each<[string, unknown, string]>([
  ["no block", [], ": must be a block with name and rules, not an empty list: write for example {"],
  ["nothing", null, ": must be a block with name and rules, not nothing: write for example {"],
  ["no name", { rules: [{}] }, "name: is missing: write name: work"],
  ["no rules", { name: "work" }, "rules: is missing: write rules: [{ order: fast }]"],
  [
    "a name with blanks",
    { name: "My Policy", rules: [{}] },
    'name: must be 1 to 40 lower-case letters, digits and dashes, not beginning with a dash, not "My Policy": write my-policy',
  ],
  ["no rule", { name: "work", rules: [] }, "rules: is an empty list: write for example [{ order: fast }]"],
  [
    "a rule that is a word",
    rule("fast"),
    "rule 1: must be a block with match, candidates, order and their like",
  ],
  [
    "a switch in words",
    { name: "work", rules: [{}], enabled: "yes" },
    'enabled: must be true or false, not "yes": write true',
  ],
  [
    "an order that is none",
    rule({ order: "fastest" }),
    'rule 1, order: must be one of balanced, fast, first-token, cheap, quality, listed, not "fastest": write fast',
  ],
  ["an order left empty", rule({ order: null }), "rule 1, order: must be one of balanced, fast"],
  [
    "a task nothing is near to",
    rule({ name: "agents", task: "zzz" }),
    'rule agents, task: must be one of general, code, chat, long-context, utility, not "zzz": write for example general',
  ],
  [
    "no candidates",
    rule({ candidates: [] }),
    "rule 1, candidates: is an empty list: leave it out for every model of every host, or write for example [{",
  ],
  [
    "no hosts",
    pick({ hosts: [] }),
    "rule 1, candidate 1, hosts: is an empty list: leave it out for anything",
  ],
  [
    "one name where a list must be",
    pick({ models: "*coder*" }),
    'rule 1, candidate 1, models: must be a list of 1 to 100 models, in which * stands for anything, not "*coder*": write ["*coder*"]',
  ],
  [
    "a number as a name",
    pick({ tags: ["fast", 7] }),
    'rule 1, candidate 1, tags, entry 2: must be a text of 1 to 200 characters, in which * stands for anything, not 7: write "7"',
  ],
  ["an empty name", pick({ quants: ["Q6*", ""] }), "rule 1, candidate 1, quants, entry 2: must be a text"],
  [
    "no list of picks",
    rule({ candidates: { hosts: ["a"] } }),
    "rule 1, candidates: must be a list of 1 to 50 picks, not a block: write for example",
  ],
  [
    "a key with a letter wrong",
    rule({ oder: "fast" }),
    "rule 1, oder: there is no such key: did you mean order?",
  ],
  [
    "a key in the singular",
    pick({ host: ["a"] }),
    "rule 1, candidate 1, host: there is no such key: did you mean hosts?",
  ],
  [
    "a key in camel case",
    rule({ filters: { qualityFloor: 0.5 } }),
    "rule 1, filters.qualityFloor: there is no such key: did you mean quality_floor?",
  ],
  [
    "a key at the wrong place",
    rule({ models: ["m"] }),
    "rule 1, models: there is no such key here: it belongs into an entry of candidates",
  ],
  [
    "a wait at the wrong place",
    rule({ max_wait_s: 60 }),
    "rule 1, max_wait_s: there is no such key here: it belongs into dispatch",
  ],
  [
    "an order outside of rules",
    { ...rule({}), order: "fast" },
    "order: there is no such key here: it belongs into a rule",
  ],
  [
    "a key nobody knows",
    dispatch({ colour: "red" }),
    "rule 1, dispatch.colour: there is no such key: possible are attempts, max_wait_s, overflow_after_s",
  ],
  [
    "a key of another unit",
    dispatch({ max_wait_ms: 500 }),
    "rule 1, dispatch.max_wait_ms: there is no such key: did you mean max_wait_s, in seconds?",
  ],
  [
    "milliseconds",
    dispatch({ max_wait_s: 60_000 }),
    "rule 1, dispatch.max_wait_s: must be a number of seconds from 0 to 3600, without a unit, not 60000: write 60, if milliseconds were meant",
  ],
  ["seconds with a unit", dispatch({ max_wait_s: "90s" }), 'not "90s": write 90'],
  ["minutes", dispatch({ overflow_after_s: "1.5 min" }), 'not "1.5 min": write 90'],
  ["less than nothing", dispatch({ overflow_after_s: -5 }), "not -5: write for example 30"],
  [
    "no attempt",
    dispatch({ attempts: 0 }),
    "rule 1, dispatch.attempts: must be a whole number from 1 to 10, not 0: write for example 3",
  ],
  [
    "per cent",
    rule({ filters: { quality_floor: 60 } }),
    "rule 1, filters.quality_floor: must be a number from 0 to 1, not 60: write 0.6",
  ],
  ["per cent with its sign", rule({ filters: { quality_floor: "60%" } }), 'not "60%": write 0.6'],
  [
    "thousands of tokens",
    rule({ filters: { min_context: "32k" } }),
    'rule 1, filters.min_context: must be a whole number of tokens, without a unit, not "32k": write 32000',
  ],
  [
    "half a token",
    match({ prompt_tokens: { from: 0.5 } }),
    "rule 1, match.prompt_tokens.from: must be a whole number of tokens, without a unit, not 0.5: write for example 32000",
  ],
  [
    "a price in words",
    rule({ filters: { max_cost_per_mtok: "cheap" } }),
    'rule 1, filters.max_cost_per_mtok: must be a number from 0, for a million tokens, not "cheap"',
  ],
  [
    "a weight in quotes",
    rule({ weights: { time: "2" } }),
    'rule 1, weights.time: must be a number from 0 to 100, not "2": write 2',
  ],
  [
    "a time without its nought",
    time("8:00"),
    'rule 1, match.time.from: must be a time of day in UTC, from "00:00" to "23:59", not "8:00": write "08:00"',
  ],
  ["an hour", time(8), 'not 8: write "08:00"'],
  ["a time of a clock with two halves", time("8:30 pm"), 'write "20:30"'],
  ["midnight at the end of a day", time("24:00"), 'write "00:00"'],
  ["a time that is none", time("25:00"), 'write for example "08:00"'],
  [
    "half of a time",
    match({ time: { from: "08:00" } }),
    'rule 1, match.time.to: is missing: write to: "08:00"',
  ],
  [
    "a day in full",
    match({ time: { from: "08:00", to: "09:00", days: ["Monday"] } }),
    'rule 1, match.time.days, entry 1: must be one of mon, tue, wed, thu, fri, sat, sun, not "Monday": write mon',
  ],
  [
    "no day",
    match({ time: { from: "08:00", to: "09:00", days: [] } }),
    "rule 1, match.time.days: is an empty list: leave it out for every day",
  ],
  [
    "a header in capitals",
    match({ header: { "X-Team": "a" } }),
    "rule 1, match.header.X-Team: must be the lower-case name of a header",
  ],
  [
    "a condition in words",
    match({ tools: "on" }),
    'rule 1, match.tools: must be true or false, not "on": write true',
  ],
])("says of %s what is wrong with it and what to write", (_, policy, expected) => {
  const [only, ...more] = told(policy)
  expect(only).toContain(expected)
  expect(more).toEqual([])
  expect(only).not.toMatch(/Invalid|expected|received/)
})

it("tells every problem once, rules by their names, and of each unknown key", () => {
  const policy = {
    ...{ name: "", rules: [{ name: "agents", order: 1, x1: 1, y1: 2 }, { task: "cod" }] },
  }
  expect(
    told(policy)
      .map((one) => one.split(":")[0])
      .sort(),
  ).toEqual([...["name", "rule 2, task", "rule agents, order", "rule agents, x1", "rule agents, y1"]])
})

it("has words for every place of a policy, and for no other", () => {
  const places: string[] = []
  const walk = (schema: z.core.JSONSchema.JSONSchema | boolean | undefined, place: string): void => {
    if (typeof schema !== "object") return
    places.push(place)
    const at = (key: string): string => (place === "" ? key : `${place}.${key}`)
    for (const [key, inner] of Object.entries(schema.properties ?? {})) walk(inner, at(key))
    if (!Array.isArray(schema.items)) walk(schema.items, at("*"))
    walk(schema.additionalProperties, at("*"))
  }
  walk(z.toJSONSchema(RoutePolicy, { io: "input" }), "")
  expect(Object.keys(POLICY_FIELDS).sort()).toEqual(places.sort())
})

it.each(Object.entries(POLICY_FIELDS))(
  "gives an example for %j that is valid there",
  (place, { example }) => {
    const header = place.replace("header.*", "header.x-team")
    const at = header.split(".").map((key) => (key === "*" ? 0 : key))
    const policy = { name: "work", rules: [{ match: { time: { from: "08:00", to: "20:00" } } }] }
    const given = place === "" ? parseYaml(example) : withAt(policy, at, parseYaml(example))
    expect(told(given)).toEqual([])
  },
)

function withAt(value: unknown, [key, ...rest]: readonly (string | number)[], given: unknown): unknown {
  if (key === undefined) return given
  const inner: unknown = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined
  const set = withAt(inner, rest, given)
  return typeof key === "number" ? [set] : { ...(typeof value === "object" && value), [key]: set }
}
