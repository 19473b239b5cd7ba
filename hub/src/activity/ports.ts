import type { CommittedActivity } from "@boocontrol/shared/activity"
import type { CaptureArgs } from "@boocontrol/shared/capture"
import type { HostId, HubId, SourceLabel } from "@boocontrol/shared/ids"
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

/** A request that a gateway sent to a host; times by the clock of a hub. */
export interface SentRequest {
  readonly request_id: string
  readonly source: SourceLabel | null
  /** As the host knows it. */
  readonly model: string
  readonly path: string
  /** Null: the host said none, or nobody waited for it. */
  readonly status: number | null
  readonly endedAtMs: number
  readonly durationMs: number
  readonly client_ip: string | null
  readonly user_agent: string | null
  readonly session_id: string | null
}

export interface TimesOfHost {
  readonly host: HostId
  readonly fromMs: number
  readonly toMs: number
}

/** What the gateways of all hubs sent to hosts, as it is stored. */
export interface GatewaysPort {
  /** Of each span what ended in it. */
  sent(spans: readonly TimesOfHost[]): Promise<SentRequest[][]>
  /** How far a host's clock is ahead of this hub's; 0 where it has not been heard. */
  clockAheadMs(host: HostId): number
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
