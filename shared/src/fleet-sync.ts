import type { FleetHost } from "./fleet.ts"
import { isFullHost } from "./frames.ts"
import type { FleetDeltaFrame, FleetFrame } from "./frames.ts"
import type { HostId } from "./ids.ts"
import { unreachable } from "./unreachable.ts"

/**
 * A reader's copy of the fleet, kept equal to the hub's by sequence numbers.
 *
 * | phase     | entered when          | a delta                                          | leaves when    |
 * | --------- | --------------------- | ------------------------------------------------ | -------------- |
 * | buffering | made, or socket lost  | kept                                             | a snapshot     |
 * | live      | a snapshot            | next seq: applied; old: dropped; a hole: resync  | socket lost    |
 *
 * A host with a hole takes no delta but a `full` one, so that nothing is applied onto a state it was not made for.
 */
export interface FleetCopy {
  readonly phase: "buffering" | "live"
  readonly hubId: string | null
  readonly hosts: ReadonlyMap<HostId, FleetHost>
  readonly seqs: ReadonlyMap<HostId, number>
  readonly buffered: readonly FleetDeltaFrame[]
  /** Hosts whose deltas have a hole; each was asked for again. */
  readonly awaitingFull: ReadonlySet<HostId>
  /** Frames that a slow reader lost. They are samples or log lines, never state. */
  readonly lagged: number
}

export interface FleetStep {
  readonly copy: FleetCopy
  /** Hosts to ask for with `{type: "resync"}`. */
  readonly resync: readonly HostId[]
}

/** More than a hub sends in the moment between subscribe and snapshot; beyond it the oldest cannot matter. */
const MAX_BUFFERED = 10_000

export const EMPTY_FLEET: FleetCopy = {
  phase: "buffering",
  hubId: null,
  hosts: new Map(),
  seqs: new Map(),
  buffered: [],
  awaitingFull: new Set(),
  lagged: 0,
}

/** The socket is gone: what is known stays on screen, and deltas wait for the next snapshot. */
export function disconnectFleet(copy: FleetCopy): FleetCopy {
  return { ...copy, phase: "buffering", buffered: [], awaitingFull: new Set() }
}

export function applyFleetFrame(copy: FleetCopy, frame: FleetFrame): FleetStep {
  switch (frame.kind) {
    case "snapshot": {
      const seqs = new Map<HostId, number>()
      const hosts = new Map<HostId, FleetHost>()
      for (const host of frame.hosts) {
        hosts.set(host.provider_id, host)
        seqs.set(host.provider_id, frame.seqs[host.provider_id] ?? 0)
      }
      const fresh: FleetCopy = {
        phase: "live",
        hubId: frame.hub_id,
        hosts,
        seqs,
        buffered: [],
        awaitingFull: new Set(),
        lagged: copy.lagged,
      }
      return applyAll(fresh, copy.buffered)
    }
    case "delta":
      return copy.phase === "buffering" ? buffer(copy, frame) : applyDelta(copy, frame)
    case "lagged":
      return { copy: { ...copy, lagged: copy.lagged + frame.dropped }, resync: [] }
    default:
      return unreachable(frame)
  }
}

function buffer(copy: FleetCopy, frame: FleetDeltaFrame): FleetStep {
  return { copy: { ...copy, buffered: [...copy.buffered, frame].slice(-MAX_BUFFERED) }, resync: [] }
}

function applyAll(start: FleetCopy, frames: readonly FleetDeltaFrame[]): FleetStep {
  let copy = start
  const resync: HostId[] = []
  for (const frame of frames) {
    const step = applyDelta(copy, frame)
    copy = step.copy
    resync.push(...step.resync)
  }
  return { copy, resync }
}

function applyDelta(copy: FleetCopy, frame: FleetDeltaFrame): FleetStep {
  const id = frame.provider_id
  const known = copy.seqs.get(id)
  if (known !== undefined && frame.seq <= known) return { copy, resync: [] }
  if (frame.removed === true) return { copy: withoutHost(copy, id, frame.seq), resync: [] }
  if (frame.full === true && isFullHost(frame.patch)) {
    return { copy: withHost(copy, frame.patch, frame.seq), resync: [] }
  }
  const host = copy.hosts.get(id)
  if (host && known !== undefined && frame.seq === known + 1 && !copy.awaitingFull.has(id)) {
    return { copy: withHost(copy, { ...host, ...definedOnly(frame.patch) }, frame.seq), resync: [] }
  }
  if (copy.awaitingFull.has(id)) return { copy, resync: [] }
  return { copy: { ...copy, awaitingFull: new Set([...copy.awaitingFull, id]) }, resync: [id] }
}

function withHost(copy: FleetCopy, host: FleetHost, seq: number): FleetCopy {
  const awaitingFull = new Set(copy.awaitingFull)
  awaitingFull.delete(host.provider_id)
  return {
    ...copy,
    hosts: new Map(copy.hosts).set(host.provider_id, host),
    seqs: new Map(copy.seqs).set(host.provider_id, seq),
    awaitingFull,
  }
}

/** The seq of a removed host is kept: a delta of its old life that comes late must not bring it back. */
function withoutHost(copy: FleetCopy, id: HostId, seq: number): FleetCopy {
  const hosts = new Map(copy.hosts)
  hosts.delete(id)
  return { ...copy, hosts, seqs: new Map(copy.seqs).set(id, seq) }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** A key that is present but undefined says nothing; null is a value. */
function definedOnly<T extends object>(patch: T): Defined<T> {
  const entries = Object.entries(patch).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Defined<T>
}
