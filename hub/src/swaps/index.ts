import type { FastifyPluginCallback } from "fastify"
import type { HostId } from "@boocontrol/shared/ids"
import type { Clock } from "../platform/clock.ts"
import type { ChangesPort, PowerPort, RequestsPort } from "./ports.ts"
import { swapsRoutes } from "./routes.ts"

export interface SwapsOptions extends ChangesPort, PowerPort, RequestsPort {
  clock: Clock
  hosts: { ids(): readonly HostId[] }
}

export interface Swaps {
  /** `/swaps`; to be registered below `/api/control`. */
  routes: FastifyPluginCallback
}

/** What swapping models costs in time and energy, computed when asked from what others keep. */
export function createSwaps(options: SwapsOptions): Swaps {
  return { routes: swapsRoutes(options) }
}
