import { goDuration } from "../timestamp.ts"
import type { Engine } from "./engine.ts"

/** Polled often: the real one leaves these out of its log. */
const SKIPPED_PREFIXES = ["/wol-health", "/api/performance", "/metrics"]

export interface Access {
  remoteIp: string
  method: string
  path: string
  status: number
  bytes: number
  userAgent: string
  durationMs: number
}

export function accessLog(engine: Engine, access: Access) {
  if (SKIPPED_PREFIXES.some((prefix) => access.path.startsWith(prefix))) return
  const { remoteIp, method, path, status, bytes, userAgent, durationMs } = access
  const line = `Request ${remoteIp} "${method} ${path} HTTP/1.1" ${status} ${bytes} "${userAgent}" ${goDuration(durationMs)}`
  engine.proxyLog("INFO", line)
}
