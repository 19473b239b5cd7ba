import type { RouteAsk } from "@boocontrol/shared/routing"
import type { HostId } from "@boocontrol/shared/ids"
import type { Clock } from "../platform/clock.ts"
import type { Decision } from "./core/decide.ts"
import type { HostPlace, Place } from "./core/view.ts"
import type { DispatchEnd } from "./dispatch-log.ts"
import type { GatewayAsk } from "./ports.ts"
import type { WaitingRoom } from "./waiting-room.ts"

/** What a passage needs of the rest of routing. Nothing of it waits. */
export interface RoutingParts {
  readonly clock: Clock
  readonly room: WaitingRoom
  policyOf(model: string): string | null
  decide(ask: RouteAsk, tried: ReadonlySet<string>): Decision
  /** A request is on its way to a place, or is not any more. */
  sent(requestId: string, provider: string, model: string): void
  ended(requestId: string, provider: string, model: string): void
  answered(provider: string, model: string): void
  /** An attempt ended without saying anything of the place. */
  undecided(provider: string, model: string): void
  failed(provider: string, model: string, why: { kind: string; status: number | null }): void
  succeeded(
    place: Place,
    facts: {
      given: GatewayAsk
      usage: { promptTokens: number | null; outputTokens: number | null } | null
      servedMs: number
    },
  ): void
  addressOf(place: Place): {
    host: HostId | null
    target: string | null
    baseUrl: string
    upstreamKey: string | null
    dialect: "openai" | "anthropic"
  }
  /** A place as it is now; null: there is none any more. */
  placeNow(host: string, model: string): HostPlace | null
  isAtWork(host: string, model: string): boolean
  log(end: DispatchEnd): void
}
