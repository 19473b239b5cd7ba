import type { Instant } from "@boocontrol/shared/time"

/** Makes sure that samples of these times have a partition of their own. */
export interface PartitionsPort {
  ensure(table: "control_perf_samples", times: readonly Instant[]): Promise<void>
}
