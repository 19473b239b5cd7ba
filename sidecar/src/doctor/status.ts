import type { Config } from "../config.ts"
import type { Clock } from "../platform/clock.ts"
import { loadFrom } from "../spool/folder.ts"
import { isStale, SidecarStatus, statusLines } from "../status/core.ts"

export interface Terminal {
  clock: Clock
  write(line: string): void
}

/** Prints what the running sidecar last said of itself. False where none runs. */
export function status(config: Config, { clock, write }: Terminal, asJson: boolean): boolean {
  const found = loadFrom(config.spool.folder, "status", SidecarStatus)
  if (!found) {
    write(asJson ? "null" : `no sidecar has run in ${config.spool.folder}`)
    return false
  }
  if (asJson) write(JSON.stringify(found, null, 2))
  else for (const line of statusLines(found, clock.now())) write(line)
  return !isStale(found, clock.now())
}
