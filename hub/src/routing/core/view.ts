import type { FleetHost } from "@boocontrol/shared/fleet"
import type { RouteBasis, TargetDialect } from "@boocontrol/shared/routing"
import type { TokenPrices } from "@boocontrol/shared/token-cost"

/** A figure with what it rests on. */
export interface Figure {
  readonly value: number
  readonly basis: RouteBasis
}

/** A model of one host as routing sees it. */
export interface HostModel {
  readonly id: string
  readonly aliases: readonly string[]
  readonly state: FleetHost["models"][number]["state"]
  /** Since when it is so, ms; null where nobody saw the change. */
  readonly stateSinceMs: number | null
  /** The very process that holds it: another after each load. Null where none does. */
  readonly instance: string | null
  /** Of one slot. Null: not known, and nothing is refused for it. */
  readonly contextLength: number | null
  readonly slots: number
  readonly capabilities: readonly string[]
  readonly quant: string | null
  readonly isPeer: boolean
  /** Everything at work or waiting there, whoever sent it. */
  readonly inflight: number
  readonly load: Figure
  readonly promptTps: Figure
  readonly genTps: Figure
  /** Per million tokens of an ordinary request. */
  readonly costPerMtok: Figure
  /** Mean time a request takes there, ms. */
  readonly serviceMs: number
  /** By task. */
  readonly quality: (task: string) => Figure
  /** Models it pushes out when it is loaded now. */
  readonly evicts: readonly string[]
}

export interface RouteHost {
  readonly id: string
  readonly tags: readonly string[]
  readonly enabled: boolean
  readonly liveness: FleetHost["liveness"]
  readonly problem: string | null
  /** Before `/v1`; null: nobody knows where it is. */
  readonly baseUrl: string | null
  readonly lease: RouteLease | null
  readonly models: readonly HostModel[]
}

export interface RouteLease {
  readonly leaseId: string
  readonly holder: string
  readonly mode: "exclusive" | "shared"
  readonly expiresAt: string | null
}

export interface RouteTargetModel extends TokenPrices {
  readonly id: string
  readonly contextLength: number | null
  readonly capabilities: readonly string[]
  readonly quality: (task: string) => Figure
}

export interface RouteTargetView {
  readonly id: string
  readonly enabled: boolean
  readonly hasCredential: boolean
  readonly dialect: TargetDialect
  readonly maxConcurrent: number
  readonly inflight: number
  readonly models: readonly RouteTargetModel[]
}

/** One request more may be sent there. */
export function hasRoom({ inflight, maxConcurrent }: RouteTargetView): boolean {
  return inflight < maxConcurrent
}

/** Everything a decision is made of, read from memory. */
export interface RouteView {
  readonly hosts: readonly RouteHost[]
  readonly targets: readonly RouteTargetView[]
}

/** What tokens cost at a place, for a million of them. At a host a token of the prompt takes as much less as it is faster. */
export function priceOf(place: Place): TokenPrices {
  if (place.kind === "target") return place.model
  const { costPerMtok, genTps, promptTps } = place.model
  return {
    inputPerMtok: (costPerMtok.value * genTps.value) / promptTps.value,
    cachedInputPerMtok: 0,
    outputPerMtok: costPerMtok.value,
  }
}

export interface HostPlace {
  readonly kind: "host"
  readonly host: RouteHost
  readonly model: HostModel
}
export interface TargetPlace {
  readonly kind: "target"
  readonly target: RouteTargetView
  readonly model: RouteTargetModel
}
/** Where a request could be served. */
export type Place = HostPlace | TargetPlace

export function providerOf(place: Place): string {
  return place.kind === "host" ? place.host.id : place.target.id
}

export const placeKey = (providerId: string, model: string): string => `${providerId}\n${model}`
