import { describe, expect, it } from "vitest"
import { stepGate } from "./core.ts"
import type { Gate, GateEffect, GateEvent } from "./core.ts"

const refusal = { holder: "another", sinceMs: 1 }
const told = { kind: "refused", refusal } as const

const offline: Gate = { state: "offline", refusal: null }
const claiming: Gate = { state: "claiming" }
const open: Gate = { state: "open" }
const refused: Gate = { state: "refused", refusal }
const probing: Gate = { state: "probing", refusal, hubHeard: false }
const heard: Gate = { state: "probing", refusal, hubHeard: true }

describe("who may speak for a host", () => {
  it.each<[string, Gate, GateEvent, Gate, GateEffect[]]>([
    ["says it is there when NATS is", offline, { kind: "connected" }, claiming, ["announce"]],
    ["speaks when nobody objected", claiming, { kind: "waited" }, open, ["open"]],
    ["is silent when told so at once", claiming, told, refused, ["close"]],
    ["is silent when told so later", open, told, refused, ["close"]],
    ["stops when NATS is away", open, { kind: "disconnected" }, offline, ["close"]],
    ["asks again after a while", refused, { kind: "waited" }, probing, ["announce", "ask_hub"]],
    ["notes that a hub is there", probing, { kind: "hub_answered" }, heard, []],
    ["speaks again when a hub is there and nobody objects", heard, { kind: "waited" }, open, ["open"]],
    ["stays silent without a hub that could object", probing, { kind: "waited" }, refused, ["close"]],
    ["stays silent when the hub objects again", heard, told, refused, ["close"]],
    [
      "remembers a refusal over a lost connection",
      refused,
      { kind: "disconnected" },
      { state: "offline", refusal },
      ["close"],
    ],
    [
      "asks first after it",
      { state: "offline", refusal },
      { kind: "connected" },
      probing,
      ["announce", "ask_hub"],
    ],
    ["takes an answer that comes too late for nothing", open, { kind: "hub_answered" }, open, []],
  ])("%s", (_, before, event, after, effects) => {
    expect(stepGate(before, event)).toEqual({ gate: after, effects })
  })
})
