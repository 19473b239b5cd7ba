import { RouteFlow } from "@boocontrol/shared/routing"
import type { RouteFlows } from "@boocontrol/shared/routing"
import { instantOf } from "@boocontrol/shared/time"
import { expect, it } from "vitest"
import { flowLines } from "./flows.ts"

const flow = (more: Partial<RouteFlow> = {}): RouteFlow =>
  RouteFlow.parse({
    ...{
      source: "people",
      asked: "auto",
      provider_id: "box",
      model: "m",
      requests: 10,
      failed: 0,
      refused: 0,
    },
    ...{ swaps: 0, counted: 10, prompt_tokens: 1000, output_tokens: 50, last_at: instantOf(0), ...more },
  })
const lines = (requests: number, ...rows: RouteFlow[]) => {
  const reply: RouteFlows = { from: instantOf(0), to: instantOf(0), requests, flows: rows.length, rows }
  return flowLines(reply, ["box"])
}

it("says each flow's share of all requests, also of those that are not listed", () => {
  expect(
    lines(1000, flow(), flow({ requests: 250 }), flow({ requests: 500 })).map(({ share, width }) => [
      share,
      width,
    ]),
  ).toEqual([
    ["1 %", 2],
    ["25 %", 50],
    ["50 %", 100],
  ])
  expect(lines(1001, flow())[0]?.share).toBe("< 1 %")
})

it("leads to Activity with what it stands for, and nowhere where there is nothing", () => {
  const [one, nobody, cloud, nowhere] = lines(
    10,
    flow(),
    flow({ source: null }),
    flow({ provider_id: "cloud" }),
    flow({ provider_id: null, model: null, asked: null }),
  )
  expect([one?.ofSource, one?.ofPlace]).toEqual([
    { source: "people" },
    { host: "box", model: "m", source: "people" },
  ])
  expect([nobody?.source, nobody?.ofSource, nobody?.ofPlace]).toEqual([
    "unlabelled",
    null,
    { host: "box", model: "m" },
  ])
  expect(cloud?.ofPlace).toBeNull()
  expect([nowhere?.asked, nowhere?.place, nowhere?.ofPlace]).toEqual([
    "a name that leads nowhere",
    "nowhere",
    null,
  ])
})

it("says of how many requests the tokens are known", () => {
  const told = lines(
    10,
    flow(),
    flow({ counted: 4 }),
    flow({ counted: 0, prompt_tokens: null, output_tokens: null }),
  )
  expect(told.map(({ tokens }) => tokens)).toEqual([
    "1,000 + 50 tokens",
    "1,000 + 50 tokens of 4 requests",
    "tokens not known",
  ])
})
