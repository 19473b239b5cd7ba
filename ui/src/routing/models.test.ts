import { RouteScores } from "@boocontrol/shared/routing"
import type { RouteScore } from "@boocontrol/shared/routing"
import { expect, it } from "vitest"
import { modelOptions, withEdited } from "./models.ts"

const scoreRow = (provider: string, model: string, more: Partial<RouteScore> = {}): RouteScore => ({
  ...{
    kind: "host",
    provider_id: provider,
    model,
    quant: null,
    state: null,
    status: "swap_needed",
    inflight: 0,
  },
  ...{
    load_ms: 1,
    prompt_tps: 1,
    gen_tps: 1,
    context_length: 1,
    cost_per_mtok: 1,
    quality: {},
    best_for: [],
  },
  ...more,
})
const virtual = (id: string, more: object = {}) => ({
  ...{
    id,
    description: `what ${id} is`,
    context_length: null,
    capabilities: [],
    hosts: [],
    loaded: false,
    ...more,
  },
})

it("lists policies first, then models, each once, with its badges", () => {
  const scores = RouteScores.parse({
    ...{ at: "2026-11-26T12:00:00.000Z", collisions: [] },
    virtual: [
      virtual("auto", { loaded: true, hosts: [{ host: "box", state: "ready" }] }),
      virtual("auto:code", { hosts: [{ host: "box", state: "stopped" }] }),
      virtual("auto:gone"),
      virtual("cloud/big", { loaded: true }),
    ],
    rows: [
      scoreRow("box", "z-8b"),
      scoreRow("far", "z-8b", { status: "offline" }),
      scoreRow("box", "coder", { status: "loaded", best_for: ["code"] }),
      scoreRow("far", "away", { status: "offline" }),
      scoreRow("lab", "held", { status: "leased" }),
      scoreRow("cloud", "big", { kind: "target" }),
    ],
  })
  const told = modelOptions(scores).map(({ value, group, detail, badges = [] }) => [
    ...[value, group, detail, badges.map(({ text }) => text).join(", ")],
  ])
  expect(told).toEqual([
    ["auto", "Policies", "what auto is · now box", "loaded"],
    ["auto:code", "Policies", "what auto:code is · now box", "swap needed"],
    ["auto:gone", "Policies", "what auto:gone is", "offline"],
    ["cloud/big", "Frontier", "what cloud/big is", ""],
    ["away", "Models", "on far", "offline"],
    ["coder", "Models", "on box", "best code model now, loaded"],
    ["held", "Models", "on lab", "leased"],
    ["z-8b", "Models", "on box, far", "swap needed"],
  ])
})

it("offers a policy that is not saved yet first, and one that is once", () => {
  const known = [{ value: "auto", group: "Policies" }]
  expect(withEdited(known, "auto:new").map(({ value }) => value)).toEqual(["auto:new", "auto"])
  expect(withEdited(known, "auto")).toEqual(known)
  expect(withEdited(known, null)).toEqual(known)
})
