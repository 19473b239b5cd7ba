import type { FleetHost, FleetSnapshot } from "@boocontrol/shared/fleet"
import type { FleetDeltaFrame } from "@boocontrol/shared/frames"
import type { HostId, HubId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"
import { step } from "./core.ts"
import type { HostEvent, HostState, HostStep } from "./core.ts"
import { newHost } from "./new-host.ts"
import type { NewHost } from "./new-host.ts"

export interface BoardOptions {
  hubId: HubId
  /** First `seq` of every host: the start of this process, so that it is above all of an earlier one. */
  firstSeq: number
  /** Called at once, in order, for each change of a host that readers must see. */
  onDelta: (delta: FleetDeltaFrame) => void
}

export interface Cause {
  nowMs: number
  /** When the host emitted what caused a change; null where the hub itself did. */
  eventAt: Instant | null
}

/** All hosts of this hub. Changes only through `step`; whoever listens to `onDelta` stays equal to it. */
export interface Board {
  add(host: Omit<NewHost, "seq">, nowMs: number): void
  apply(id: HostId, event: HostEvent, cause: Cause): HostStep | null
  remove(id: HostId, nowMs: number): void
  get(id: HostId): HostState | undefined
  hosts(): Iterable<HostState>
  ids(): HostId[]
  /** Current seq of a host, for frames that carry it without consuming one. */
  seqOf(id: HostId): number
  snapshot(nowMs: number): FleetSnapshot
  /** One host as a delta that replaces it; null where there is none. */
  full(id: HostId, nowMs: number): FleetDeltaFrame | null
  /** Says that there is no such host. */
  gone(id: HostId, nowMs: number): FleetDeltaFrame
}

export function createBoard({ hubId, firstSeq, onDelta }: BoardOptions): Board {
  const hosts = new Map<HostId, HostState>()
  // A host that comes back goes on from where it left: readers drop what is not above the seq they know.
  const removed = new Map<HostId, number>()

  const fullDelta = (host: HostState, nowMs: number): FleetDeltaFrame => ({
    ...{ type: "control_fleet", kind: "delta", provider_id: host.shown.provider_id, seq: host.seq },
    ...{ at: instantOf(nowMs), event_at: null, patch: host.shown, full: true },
  })

  const seqOf = (id: HostId): number => hosts.get(id)?.seq ?? removed.get(id) ?? firstSeq
  const goneDelta = (id: HostId, nowMs: number): FleetDeltaFrame => ({
    ...{ type: "control_fleet", kind: "delta", provider_id: id, seq: seqOf(id) },
    ...{ at: instantOf(nowMs), event_at: null, patch: {}, removed: true },
  })

  return {
    add(host, nowMs) {
      const id = host.row.provider_id
      if (hosts.has(id)) return
      const made = newHost({ ...host, seq: (removed.get(id) ?? firstSeq) + 1 }, nowMs)
      removed.delete(id)
      hosts.set(id, made)
      onDelta(fullDelta(made, nowMs))
    },
    apply(id, event, { nowMs, eventAt }) {
      const host = hosts.get(id)
      if (!host) return null
      const stepped = step(host, event, nowMs)
      hosts.set(id, stepped.host)
      if (stepped.patch !== null) {
        onDelta({
          ...{ type: "control_fleet", kind: "delta", provider_id: id, seq: stepped.host.seq },
          ...{ at: instantOf(nowMs), event_at: eventAt, patch: stepped.patch },
        })
      }
      return stepped
    },
    remove(id, nowMs) {
      const host = hosts.get(id)
      if (!host) return
      const seq = host.seq + 1
      hosts.delete(id)
      removed.set(id, seq)
      onDelta(goneDelta(id, nowMs))
    },
    get: (id) => hosts.get(id),
    hosts: () => hosts.values(),
    ids: () => [...hosts.keys()],
    seqOf,
    snapshot(nowMs) {
      const list: FleetHost[] = []
      const seqs: Record<string, number> = {}
      for (const { shown, seq } of hosts.values()) {
        list.push(shown)
        seqs[shown.provider_id] = seq
      }
      list.sort((a, b) => (a.provider_id < b.provider_id ? -1 : 1))
      return { hub_id: hubId, at: instantOf(nowMs), hosts: list, seqs }
    },
    full(id, nowMs) {
      const host = hosts.get(id)
      return host ? fullDelta(host, nowMs) : null
    },
    gone: goneDelta,
  }
}
