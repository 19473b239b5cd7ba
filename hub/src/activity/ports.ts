import type { CommittedActivity } from "@boocontrol/shared/activity"
import type { CaptureArgs } from "@boocontrol/shared/capture"
import type { HostId, HubId } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"
import type { TokenPrices } from "@boocontrol/shared/token-cost"

/** Makes sure that rows of these times have a partition of their own. */
export interface PartitionsPort {
  ensure(table: "control_requests", times: readonly Instant[]): Promise<void>
}

/** Tells every hub and every tool of rows that were just committed; `text` is their JSON. Must not throw: they are stored. */
export type AnnounceActivity = (committed: CommittedActivity, text: string) => void

/** The hub these rows were stored by: it hears of them here, and knows its own announcements by its id. */
export interface OwnHubPort {
  readonly hubId: HubId
  committed(activity: CommittedActivity): void
}

/** What a million tokens of a model take on a host, as it was measured last; null where it was not. */
export interface TokenPricesPort {
  priceOf(host: HostId, model: string): (TokenPrices & { perKwh: number }) | null
}

/** Asks a host's engine for what it kept of a request. */
export interface CapturesPort {
  capture(
    host: HostId,
    args: CaptureArgs,
  ): Promise<{ ok: true; data: unknown } | { ok: false; refusal: { code: string; message: string } }>
}
