import { setTimeout as delay } from "node:timers/promises"
import type { Random } from "../../../demo/src/random.ts"
import type { ChaosHost } from "../fleet.ts"
import type { ChaosOptions } from "../options.ts"
import type { Servers } from "../servers.ts"

export interface World {
  servers: Servers
  options: ChaosOptions
  random: Random
  /** Sends again what stands in the streams of a host, as another publisher would: no message id. */
  republish(host: string): Promise<void>
}

/** Breaks one of the servers, and mends it. Those of one kind come one after the other. */
export interface ServerFault {
  name: string
  of: "hub" | "nats" | "database"
  /** Beyond what is promised: applied only where it is asked for by its name. */
  onlyByName?: boolean
  apply(world: World): Promise<void>
}

/** Breaks something of one host, and mends it. */
export interface HostFault {
  name: string
  of: "host"
  onlyByName?: boolean
  /** Why it cannot be done to this host; null: it can. */
  suits?(host: ChaosHost): boolean
  apply(world: World, host: ChaosHost): Promise<void>
}

export type Fault = ServerFault | HostFault

export const pause = (ms: number): Promise<void> => delay(ms)
