import { expect, it } from "vitest"
import { ActivityRow } from "@boocontrol/shared/activity"
import { RoutePolicy } from "@boocontrol/shared/route-policy"
import type { RoutePolicyGiven } from "@boocontrol/shared/route-policy"
import { instantOf } from "@boocontrol/shared/time"
import { manualClock } from "../platform/clock-manual.ts"
import { replay } from "./replay.ts"
import type { AskFacts } from "./store/dispatches.ts"
import { deciding, routeHost, routeModel } from "./view-for-tests.ts"

const NOON = Date.UTC(2026, 10, 26, 12)
const HOUR = 3_600_000

const row = (id: number, more: object = {}): ActivityRow =>
  ActivityRow.parse({
    ...{ id: `0193a000-0000-7000-8000-${String(id).padStart(12, "0")}`, provider_id: "big" },
    ...{
      swap_epoch: "0193a000-0000-4000-8000-000000000000",
      swap_entry_id: id,
      ts: instantOf(NOON - HOUR + id),
    },
    ...{ model: "m", req_path: "/v1/chat/completions", status_code: 200, duration_ms: 1000, error: null },
    ...{ cache_tokens: 0, input_tokens: 100, prompt_tokens: 100, uncached_tokens: 100, output_tokens: 50 },
    ...{ token_basis: "timings", prompt_tps: 1000, gen_tps: 50, draft_tokens: null, draft_accepted: null },
    ...{ has_capture: false, source: "people", request_id: `r${id}`, client_ip: null, user_agent: null },
    ...{ session_id: null, ...more },
  })
const noted = (id: number, more: Partial<AskFacts> = {}): AskFacts => ({
  ...{ request_id: `r${id}`, key_label: null, endpoint: "chat/completions", tools: false, images: false },
  ...{ asked_tokens: 120, headers: null, ...more },
})

const VIEW = {
  hosts: [
    routeHost("big", [routeModel("m", { capabilities: ["tools", "vision"] })]),
    routeHost("small", [routeModel("m", { capabilities: ["tools", "vision"] })]),
  ],
}
const play = (
  given: RoutePolicyGiven,
  rows: readonly ActivityRow[],
  facts: readonly AskFacts[] = [],
  stored = 0,
) =>
  replay(
    { policy: RoutePolicy.parse(given), hours: 168 },
    {
      clock: manualClock(NOON),
      deciding: () => deciding(VIEW),
      history: { rows: () => Promise.resolve(rows), count: () => Promise.resolve(stored) },
      dispatches: {
        asks: (ids) => Promise.resolve(facts.filter(({ request_id: id }) => ids.includes(id ?? ""))),
      },
    },
  )
/** Whoever matches goes to `big`, everybody else to `small`. */
const sorting = (match: NonNullable<RoutePolicyGiven["rules"][number]["match"]>): RoutePolicyGiven => ({
  name: "p",
  rules: [{ match, candidates: [{ hosts: ["big"] }] }, { candidates: [{ hosts: ["small"] }] }],
})
const placed = async (...given: Parameters<typeof play>) =>
  Object.fromEntries((await play(...given)).by_model.map(({ provider_id: id, requests }) => [id, requests]))

it.each<[string, Parameters<typeof sorting>[0], Partial<AskFacts>]>([
  ["tools", { tools: true }, { tools: true }],
  ["images", { images: true }, { images: true, asked_tokens: null }],
  ["a key", { key: ["team-*"] }, { key_label: "team-a" }],
  ["an endpoint", { endpoint: ["messages"] }, { endpoint: "messages" }],
  ["the prompt as the decision saw it", { prompt_tokens: { from: 5000 } }, { asked_tokens: 6000 }],
  ["a header that was kept", { header: { "x-team": "red" } }, { headers: { "x-team": "red" } }],
])("plays %s of a request as the gateway noted it", async (_what, match, facts) => {
  const rows = [row(1), row(2), row(3, { request_id: null })]
  expect(await placed(sorting(match), rows, [noted(1, facts), noted(2)])).toEqual({ big: 1, small: 2 })
})

it("says how many requests of how many it played, and since when", async () => {
  const rows = [
    row(1),
    row(2, { output_tokens: null }),
    row(3, { source: "control-bench" }),
    row(4, { req_path: "/v1/embeddings", request_id: null }),
    row(5, { model: "gone" }),
    row(6, { request_id: null }),
  ]
  const told = await play({ name: "p", rules: [{}] }, rows, [noted(1), noted(5)], 6)
  expect(told).toMatchObject({ stored: 6, read: 6, played: 2, noted: 1 })
  expect(told.left_out).toEqual({
    ...{ "tokens not known": 1, "own traffic": 1, "no text": 1, "its model is gone": 1 },
  })
  expect([told.from, told.asked_from]).toEqual([instantOf(NOON - 168 * HOUR), instantOf(NOON - 168 * HOUR)])
})

it("says that it looked at the newest only, and from when on, where there are more than it plays", async () => {
  const rows = Array.from({ length: 20_000 }, (_, index) =>
    row(index, { request_id: null, output_tokens: null }),
  )
  const told = await play({ name: "p", rules: [{}] }, rows, [], 181_234)
  expect(told).toMatchObject({ stored: 181_234, read: 20_000, played: 0 })
  expect([told.from, told.asked_from]).toEqual([rows[0]?.ts, instantOf(NOON - 168 * HOUR)])
})

it("names the headers of a policy of which nothing was kept", async () => {
  const header = { "x-team": "red", "x-new": "*" }
  const facts = [noted(1, { headers: { "x-team": null } })]
  expect((await play(sorting({ header }), [row(1)], facts)).unknown_headers).toEqual(["x-new"])
})
