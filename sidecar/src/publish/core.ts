import { unreachable } from "@boocontrol/shared/unreachable"

/**
 * Whether this sidecar may speak for its host. Two processes may claim one host id: the hub lets the first hold
 * it and tells the other, which then only keeps.
 *
 * | state    | entered when                        | does                                   | leaves                               |
 * | ---      | ---                                 | ---                                    | ---                                  |
 * | offline  | NATS is away                        | nothing                                | back -> claiming, or probing         |
 * | claiming | connected                           | says it is there, holds the rest back  | nobody objects -> open; told -> refused |
 * | open     | nobody objected                     | publishes                              | told -> refused                      |
 * | refused  | told that another holds the host id | publishes nothing                      | after 30 s -> probing                |
 * | probing  | refused for a while                 | says it is there, asks the hub something | hub answers and nobody objects -> open; told, or no hub -> refused |
 */
export type Gate =
  | { state: "offline"; refusal: Refusal | null }
  | { state: "claiming" }
  | { state: "open" }
  | { state: "refused"; refusal: Refusal }
  | { state: "probing"; refusal: Refusal; hubHeard: boolean }

export interface Refusal {
  holder: string
  sinceMs: number
}

/** `waited`: the time of the present state, as `WAIT_MS` has it, is over. */
export type GateEvent =
  | { kind: "connected" }
  | { kind: "disconnected" }
  | { kind: "refused"; refusal: Refusal }
  | { kind: "hub_answered" }
  | { kind: "waited" }

export type GateEffect = "announce" | "ask_hub" | "open" | "close"

export interface GateStep {
  gate: Gate
  effects: GateEffect[]
}

/** How long a state lasts by itself; null for ever. Counted by a timer, so that a wall clock that is set changes nothing. */
export const WAIT_MS: Record<Gate["state"], number | null> = {
  offline: null,
  // The hub objects within milliseconds. Longer only delays the first rows after every reconnect.
  claiming: 400,
  open: null,
  refused: 30_000,
  // Long enough for a hub under load to object, since opening wrongly mixes two machines under one name.
  probing: 3_000,
}

export function stepGate(gate: Gate, event: GateEvent): GateStep {
  switch (event.kind) {
    case "connected":
      if (gate.state !== "offline") return { gate, effects: [] }
      return gate.refusal ? probe(gate.refusal) : { gate: { state: "claiming" }, effects: ["announce"] }
    case "disconnected":
      return {
        gate: { state: "offline", refusal: "refusal" in gate ? gate.refusal : null },
        effects: ["close"],
      }
    case "refused":
      if (gate.state === "offline") return { gate: { ...gate, refusal: event.refusal }, effects: [] }
      return refuse(event.refusal)
    case "hub_answered":
      return { gate: gate.state === "probing" ? { ...gate, hubHeard: true } : gate, effects: [] }
    case "waited":
      return waited(gate)
    default:
      return unreachable(event)
  }
}

function waited(gate: Gate): GateStep {
  switch (gate.state) {
    case "claiming":
      return { gate: { state: "open" }, effects: ["open"] }
    case "refused":
      return probe(gate.refusal)
    case "probing":
      // Silence means consent only where somebody is there to object.
      return gate.hubHeard ? { gate: { state: "open" }, effects: ["open"] } : refuse(gate.refusal)
    case "offline":
    case "open":
      return { gate, effects: [] }
    default:
      return unreachable(gate)
  }
}

function probe(refusal: Refusal): GateStep {
  return { gate: { state: "probing", refusal, hubHeard: false }, effects: ["announce", "ask_hub"] }
}

function refuse(refusal: Refusal): GateStep {
  return { gate: { state: "refused", refusal }, effects: ["close"] }
}
