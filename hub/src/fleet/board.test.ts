import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { InflightData } from "@boocontrol/shared/activity"
import type { FleetHost } from "@boocontrol/shared/fleet"
import { EMPTY_FLEET, applyFleetFrame, disconnectFleet } from "@boocontrol/shared/fleet-sync"
import type { FleetCopy } from "@boocontrol/shared/fleet-sync"
import { Frame } from "@boocontrol/shared/frames"
import type { FleetDeltaFrame } from "@boocontrol/shared/frames"
import { HubId } from "@boocontrol/shared/ids"
import type { HostId } from "@boocontrol/shared/ids"
import { createBoard } from "./board.ts"
import type { Board } from "./board.ts"
import type { HostEvent } from "./core.ts"
import {
  NOON,
  at,
  boot,
  hostId,
  hostRow,
  instance,
  model,
  presence,
  sample,
  uuid,
} from "../../test/example-host.ts"

const HUB = HubId.parse(uuid(7))
const HOSTS = ["a", "b"].map(hostId)

type Move =
  | { kind: "event"; host: HostId; event: HostEvent }
  | { kind: "add" | "remove"; host: HostId }
  | { kind: "join" | "leave" }
  /** The next delta does not arrive. */
  | { kind: "lose" }

const host = fc.constantFrom(...HOSTS)
const from = fc.record({
  instance: fc.integer({ min: 1, max: 2 }).map(instance),
  boot: fc.integer({ min: 1, max: 2 }).map(boot),
})
const state = fc.constantFrom("ready" as const, "starting" as const, "stopped" as const, null)
const event: fc.Arbitrary<HostEvent> = fc.oneof(
  fc.record({
    kind: fc.constant("presence" as const),
    from,
    data: fc
      .constantFrom("connected" as const, "reconnecting" as const, "down" as const)
      .map((liveness) => presence({ engine: { liveness } })),
  }),
  fc.record({
    kind: fc.constant("models" as const),
    from,
    seq: fc.integer({ min: 1, max: 20 }),
    models: fc
      .uniqueArray(fc.constantFrom("m1", "m2"), { maxLength: 2 })
      .chain((ids) => fc.tuple(...ids.map((id) => state.map((now) => model(id, now))))),
  }),
  fc.record({ kind: fc.constant("live" as const), from, sample: fc.constant(sample(NOON)) }),
  fc.record({
    kind: fc.constant("inflight" as const),
    from,
    data: fc.constantFrom<InflightData>({ requests: [], total: 0 }, { requests: null, total: 3 }),
  }),
  fc.record({
    kind: fc.constant("registered" as const),
    row: fc.boolean().map((enabled) => hostRow("a", { enabled, display_name: enabled ? "one" : "other" })),
  }),
  fc.constant({ kind: "rejected" as const, reason: "nonsense" }),
  fc.constant({ kind: "tick" as const }),
)
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("event" as const), host, event }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("add" as const, "remove" as const), host }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("join" as const, "leave" as const, "lose" as const) }),
  },
)

/** A reader over a wire that may lose a delta: everything it is given has been through JSON. */
function reader(board: () => Board) {
  let copy: FleetCopy = EMPTY_FLEET
  let losing = false
  const take = (frame: unknown): void => {
    const parsed = Frame.parse(JSON.parse(JSON.stringify(frame)))
    if (parsed.type !== "control_fleet") throw new Error("not a fleet frame")
    const stepped = applyFleetFrame(copy, parsed)
    copy = stepped.copy
    for (const id of stepped.resync) take(board().full(id, NOON) ?? board().gone(id, NOON))
  }
  return {
    copy: () => copy,
    take,
    join: () => take({ type: "control_fleet", kind: "snapshot", ...board().snapshot(NOON) }),
    leave: () => (copy = disconnectFleet(copy)),
    lose: () => (losing = true),
    delta(delta: FleetDeltaFrame) {
      // A removal that is lost shows with the next join only; a wire that loses frames does not exist anyway.
      if (losing && delta.removed !== true) losing = false
      else take(delta)
    },
    /** Loses nothing more. */
    heal: () => (losing = false),
  }
}

function withoutSample(hosts: Iterable<FleetHost>): object[] {
  const shown = [...hosts].map(({ sample: _sample, ...rest }) => rest)
  return shown.sort((a, b) => (a.provider_id < b.provider_id ? -1 : 1))
}

describe("a reader", () => {
  it("equals the hub after any events, joins, losses, registrations and removals", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(move, fc.integer({ min: 0, max: 9_000 })), { maxLength: 60 }),
        (moves) => {
          const seqs = new Map<HostId, number>()
          const board: Board = createBoard({
            hubId: HUB,
            firstSeq: NOON,
            onDelta(delta) {
              // One change, one seq: never lower, never twice, never a hole.
              expect(delta.seq).toBe((seqs.get(delta.provider_id) ?? NOON) + 1)
              seqs.set(delta.provider_id, delta.seq)
              wire.delta(delta)
            },
          })
          const wire = reader(() => board)
          let nowMs = NOON
          for (const [made, afterMs] of moves) {
            nowMs += afterMs
            play(made, { board, wire, nowMs })
          }
          // Whoever lost a delta learns of it with the next one, and whoever left joins again.
          wire.join()
          expect(withoutSample(wire.copy().hosts.values())).toEqual(
            withoutSample([...board.hosts()].map(({ shown }) => shown)),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  it("that lost a delta asks for the host and equals the hub with the next one", () => {
    const board: Board = createBoard({ hubId: HUB, firstSeq: NOON, onDelta: (delta) => wire.delta(delta) })
    const wire = reader(() => board)
    const say = (ms: number, sidecar_version: string): void => {
      const said: HostEvent = {
        ...{ kind: "presence", from: { instance: instance(1), boot: boot(1) } },
        data: presence({ sidecar_version }),
      }
      board.apply(hostId("a"), said, { nowMs: NOON + ms, eventAt: at(NOON + ms) })
    }
    board.add({ row: hostRow("a"), prefs: new Map(), last: null }, NOON)
    wire.join()
    wire.lose()
    say(1_000, "lost")
    expect(wire.copy().hosts.get(hostId("a"))?.sidecar_version).toBeNull()
    say(2_000, "next")
    expect(wire.copy().hosts.get(hostId("a"))).toMatchObject({
      sidecar_version: "next",
      liveness: "connected",
    })
  })
})

function play(
  made: Move,
  { board, wire, nowMs }: { board: Board; wire: ReturnType<typeof reader>; nowMs: number },
) {
  switch (made.kind) {
    case "event":
      return board.apply(made.host, made.event, { nowMs, eventAt: null })
    case "add":
      return board.add({ row: hostRow(made.host), prefs: new Map(), last: null }, nowMs)
    case "remove":
      return board.remove(made.host, nowMs)
    case "join":
      return wire.join()
    case "leave":
      return wire.leave()
    case "lose":
      return wire.lose()
    default:
      throw new Error("no such move")
  }
}
