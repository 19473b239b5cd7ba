import type { CommittedActivity } from "@boocontrol/shared/activity"
import type { Instant } from "@boocontrol/shared/time"

/** Makes sure that rows of these times have a partition of their own. */
export interface PartitionsPort {
  ensure(table: "control_requests", times: readonly Instant[]): Promise<void>
}

/** Tells every hub and every tool of rows that were just committed. Must not throw: they are stored. */
export type PublishActivity = (committed: CommittedActivity) => void
