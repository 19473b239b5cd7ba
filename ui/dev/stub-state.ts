import type { ActivityRow } from "@boocontrol/shared/activity"
import type { FleetHost } from "@boocontrol/shared/fleet"
import { instantOf } from "@boocontrol/shared/time"
import { sampleAt } from "./world.ts"

export interface StubState {
  readonly hubId: string
  readonly hosts: Map<string, FleetHost>
  readonly seqs: Map<string, number>
  /** Newest first. */
  rows: ActivityRow[]
  readonly broadcast: (topic: string, frame: unknown) => void
  readonly change: (id: string, patch: Partial<FleetHost>) => void
}

export function snapshotOf(state: StubState): Record<string, unknown> {
  const now = Date.now()
  const hosts = [...state.hosts.values()].map((host) => ({ ...host, sample: sampleAt(host, now) }))
  return { hub_id: state.hubId, at: instantOf(now), hosts, seqs: Object.fromEntries(state.seqs) }
}
