import type { Config } from "../config.ts"
import type { Terminal } from "./status.ts"

export function doctor(config: Config, io: Terminal, environment: unknown): Promise<boolean> {
  io.write(config.hostId + String(environment))
  return Promise.resolve(true)
}
