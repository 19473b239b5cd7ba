import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { applyFleetFrame, disconnectFleet, EMPTY_FLEET } from "./fleet-sync.ts"
import type { FleetCopy } from "./fleet-sync.ts"
import { FleetHost } from "./fleet.ts"
import { FleetFrame } from "./frames.ts"
import { HostId } from "./ids.ts"

const AT = "2026-11-22T08:00:00.000Z"
const HUB = "3f0f7a56-98a1-4f0c-8f6e-0f3d9a4f1c11"

function host(id: string, patch: Partial<FleetHost> = {}): FleetHost {
  return {
    ...FleetHost.parse({
      provider_id: id,
      display_name: id,
      os: null,
      gpu_label: null,
      tags: [],
      enabled: true,
      simulated: false,
      liveness: "connected",
      last_seen_at: null,
      liveness_since: null,
      sidecar_version: null,
      engine_version: null,
      engine_era: null,
      engine_lacks: [],
      advertise_url: null,
      problem: null,
      twin: null,
      hardware: null,
      gpus: [],
      gpu_feed: null,
      models: [],
      inflight: null,
      inflight_total: null,
      actions: [],
      lease: null,
      spool: null,
      rates: null,
      rejected: null,
      sample: null,
    }),
    ...patch,
  }
}

function snapshot(seqs: Record<string, number>, hosts = Object.keys(seqs).map((id) => host(id))): FleetFrame {
  return FleetFrame.parse({ type: "control_fleet", kind: "snapshot", hub_id: HUB, at: AT, hosts, seqs })
}

function delta(id: string, seq: number, more: Record<string, unknown> = {}): FleetFrame {
  const patch = { display_name: `${id} at ${seq}` }
  return FleetFrame.parse({
    type: "control_fleet",
    kind: "delta",
    provider_id: id,
    seq,
    at: AT,
    patch,
    ...more,
  })
}

function play(frames: FleetFrame[], start: FleetCopy = EMPTY_FLEET) {
  let copy = start
  const resync: string[] = []
  for (const frame of frames) {
    const step = applyFleetFrame(copy, frame)
    copy = step.copy
    resync.push(...step.resync)
  }
  return { copy, resync, name: (id: string) => copy.hosts.get(HostId.parse(id))?.display_name }
}

describe("a reader's copy of the fleet", () => {
  it("keeps deltas that come before the snapshot and applies only those that are newer", () => {
    const { name, resync } = play([delta("a", 4), delta("a", 5), delta("a", 6), snapshot({ a: 5 })])
    expect(name("a")).toBe("a at 6")
    expect(resync).toEqual([])
  })

  it("drops a delta that is not newer than what it has", () => {
    const { name } = play([
      snapshot({ a: 5 }),
      delta("a", 6),
      delta("a", 6, { patch: { display_name: "late" } }),
    ])
    expect(name("a")).toBe("a at 6")
  })

  it("asks once for a host with a hole, and takes nothing but a full delta from then on", () => {
    const broken = play([snapshot({ a: 5 }), delta("a", 7), delta("a", 8)])
    expect(broken.resync).toEqual(["a"])
    expect(broken.name("a")).toBe("a")
    const mended = play(
      [delta("a", 9, { full: true, patch: host("a", { display_name: "whole" }) })],
      broken.copy,
    )
    expect(mended.name("a")).toBe("whole")
    expect(play([delta("a", 10)], mended.copy).name("a")).toBe("a at 10")
  })

  it("does not let a hole of one host hold up another", () => {
    const { name } = play([snapshot({ a: 1, b: 1 }), delta("a", 3), delta("b", 2)])
    expect(name("b")).toBe("b at 2")
  })

  it("asks for a host it has never seen unless the delta is full", () => {
    expect(play([snapshot({}), delta("new", 1)]).resync).toEqual(["new"])
    const full = delta("new", 1, { full: true, patch: host("new") })
    expect(play([snapshot({}), full]).name("new")).toBe("new")
  })

  it("forgets a removed host and is not fooled by its late delta", () => {
    const { copy, resync } = play([
      snapshot({ a: 5 }),
      delta("a", 7, { removed: true, patch: {} }),
      delta("a", 6),
    ])
    expect(copy.hosts.size).toBe(0)
    expect(resync).toEqual([])
  })

  it("treats null in a patch as a value", () => {
    const { copy } = play([
      snapshot({ a: 1 }, [host("a", { gpu_label: "RTX 5090" })]),
      delta("a", 2, { patch: { gpu_label: null } }),
    ])
    expect(copy.hosts.get(HostId.parse("a"))?.gpu_label).toBeNull()
  })

  it("replaces everything with a new hub's snapshot, also when its seq is lower", () => {
    const before = play([snapshot({ a: 900 }), delta("a", 901)]).copy
    const after = play([snapshot({ a: 3 }), delta("a", 4)], disconnectFleet(before))
    expect(after.name("a")).toBe("a at 4")
  })

  it("keeps showing what was known while the socket is gone", () => {
    const copy = disconnectFleet(play([snapshot({ a: 1 })]).copy)
    expect(copy.hosts.size).toBe(1)
    expect(copy.phase).toBe("buffering")
  })

  it("equals the hub after any interleaving of snapshot, lost and doubled deltas once holes are filled", () => {
    const action = fc.constantFrom("deliver", "lose", "double", "snapshot" as const)
    fc.assert(
      fc.property(fc.array(fc.tuple(action, fc.constantFrom("a", "b")), { maxLength: 60 }), (actions) => {
        const hub = new Map([
          ["a", { seq: 1, host: host("a") }],
          ["b", { seq: 1, host: host("b") }],
        ])
        let copy = EMPTY_FLEET
        const feed = (frame: FleetFrame) => {
          const step = applyFleetFrame(copy, frame)
          copy = step.copy
          for (const id of step.resync) {
            const truth = hub.get(id)
            if (truth) copy = applyFleetFrame(copy, fullDelta(id, truth)).copy
          }
        }
        feed(hubSnapshot(hub))
        for (const [what, id] of actions) {
          if (what === "snapshot") {
            feed(hubSnapshot(hub))
            continue
          }
          const truth = hub.get(id)
          if (!truth) continue
          truth.seq += 1
          truth.host = { ...truth.host, display_name: `${id} at ${truth.seq}` }
          const frame = delta(id, truth.seq)
          if (what !== "lose") feed(frame)
          if (what === "double") feed(frame)
        }
        for (const id of hub.keys()) {
          const truth = hub.get(id)
          if (!truth) continue
          truth.seq += 1
          truth.host = { ...truth.host, display_name: `${id} at ${truth.seq}` }
          feed(delta(id, truth.seq))
          expect(copy.hosts.get(HostId.parse(id))?.display_name).toBe(truth.host.display_name)
        }
      }),
    )
  })
})

type Truth = { seq: number; host: FleetHost }

function hubSnapshot(hub: Map<string, Truth>): FleetFrame {
  const seqs = Object.fromEntries([...hub].map(([id, truth]) => [id, truth.seq]))
  return snapshot(
    seqs,
    [...hub.values()].map((truth) => truth.host),
  )
}

/** A hub answers a resync with its current seq raised by one: the truth moves with it. */
function fullDelta(id: string, truth: Truth): FleetFrame {
  truth.seq += 1
  return delta(id, truth.seq, { full: true, patch: truth.host })
}
