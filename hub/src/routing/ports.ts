import type { ActivityRow } from "@boocontrol/shared/activity"
import type { FleetHost } from "@boocontrol/shared/fleet"
import type { EndpointKind } from "@boocontrol/shared/gateway"
import type { RouteAsk } from "@boocontrol/shared/routing"
import type { HostId } from "@boocontrol/shared/ids"
import type { Figure } from "./core/view.ts"

/** What hosts there are and what they hold, as this hub knows it now. */
export interface FleetPort {
  hosts(): readonly FleetHost[]
}

/** Whose a host is, from memory. */
export interface LeasesPort {
  leaseOf(host: HostId): HeldLease | null
}
export interface HeldLease {
  readonly lease_id: string
  readonly holder: string
  readonly mode: "exclusive" | "shared"
  readonly expires_at: string
}

/** Why a host gets nothing now, as the requests themselves have found out; null where it may. */
export interface BreakersPort {
  closedFor(host: HostId, nowMs: number): string | null
}

/** The host's own key, from memory; null where it needs none. */
export interface UpstreamKeysPort {
  keyOf(host: HostId): string | null
}

/** How good a model is at a task, 0 to 1, and how fast it was measured to be. Null: not measured, priors are used. */
export interface ScoresPort {
  quality(model: string, quant: string | null, task: string): Figure | null
}

/** Stored requests, oldest first, for what the first decisions rest on and for replays. */
export interface HistoryPort {
  rows(range: { fromMs: number; toMs: number }, limit: number): Promise<readonly ActivityRow[]>
  /** How many there are, however many are read. */
  count(range: { fromMs: number; toMs: number }): Promise<number>
}

/** A request as the gateway knows it before it is sent on. */
export interface GatewayAsk {
  readonly requestId: string
  readonly endpoint: EndpointKind
  readonly servedBy: RouteAsk["served_by"]
  readonly model: string
  readonly stream: boolean
  readonly source: string
  readonly keyLabel: string | null
  readonly lease: { readonly id: string; readonly token: number | null } | null
  readonly promptBytes: number | null
  readonly maxTokens: number | null
  readonly hasTools: boolean
  readonly hasImages: boolean
  readonly session: string | null
  readonly prefix: string | null
  readonly headers: ReadonlyMap<string, string>
  /** As it is sent on, without its query. */
  readonly path: string
  readonly clientIp: string | null
  readonly userAgent: string | null
}
