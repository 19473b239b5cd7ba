import type { ActivityFrame, FleetDeltaFrame, PerfFrame } from "@boocontrol/shared/frames"
import type { HostRow } from "@boocontrol/shared/hosts"
import type { HostId } from "@boocontrol/shared/ids"
import type { LogData } from "@boocontrol/shared/logs"
import type { Instant } from "@boocontrol/shared/time"

/** What a sidecar says of its machine; fills the registry where nobody filled it. */
export interface HostFacts {
  readonly os: string | null
  readonly gpuLabel: string | null
  readonly simulated: boolean
  readonly advertiseUrl: string | null
}

/** The registry of hosts. */
export interface RegistryPort {
  rows(): readonly HostRow[]
  ensureHost(host: HostId, facts?: HostFacts | null): Promise<HostRow>
  seen(hosts: readonly { id: HostId; at: Instant }[]): Promise<void>
  /** `row` is null where the host was removed. */
  onChange(listener: (change: { id: HostId; row: HostRow | null }) => void): void
}

/** Where what happens goes, at once and in order. None of these may wait. */
export interface FleetOutput {
  delta(frame: FleetDeltaFrame): void
  perf(frame: PerfFrame): void
  activity(frame: ActivityFrame): void
  log(host: HostId, data: LogData, at: Instant): void
}
