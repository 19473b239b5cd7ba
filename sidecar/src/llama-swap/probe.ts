import { jsonOf } from "./messages.ts"
import type { EngineHttp } from "./http.ts"
import { EngineProblem, shownUrl, unauthorized } from "./problems.ts"
import { HardwareReply, Version } from "./shapes.ts"

/** `activity`: v236 and later. `metrics`: v140 to v235. Null: older still, without request rows. */
export type Era = "activity" | "metrics" | null

export interface Probe {
  readonly era: Era
  readonly version: string | null
  readonly lacks: readonly string[]
}

/**
 * Finds out what this engine can do by asking for it: version strings of own builds say anything.
 * Rejects with an `EngineProblem` or the failure of the connection.
 */
export async function probeEngine(
  http: EngineHttp,
  about: { url: string; hasKey: boolean; nowRfc3339: string },
): Promise<Probe> {
  const url = shownUrl(about.url)
  const status = async (path: string): Promise<number> => {
    const reply = await http.call(path)
    if (reply.status === 401 || reply.status === 403) throw unauthorized(url, about.hasKey)
    if (reply.status !== 200 && reply.status !== 404)
      throw new EngineProblem("ENGINE_FAILING", `llama-swap at ${url} answers ${path} with ${reply.status}`)
    return reply.status
  }
  const era = await eraOf(status, url)
  const after = encodeURIComponent(about.nowRfc3339)
  const [version, hardware, performance] = await Promise.all([
    http.call("/api/version"),
    http.call("/api/hardware"),
    http.call(`/api/performance?after=${after}`),
  ])
  const found = Version.safeParse(jsonOf(version.body))
  const lacks = [
    ...(era === null ? ["activity"] : []),
    ...(hardware.status === 200 && HardwareReply.safeParse(jsonOf(hardware.body)).success
      ? []
      : ["hardware"]),
    ...(performance.status === 200 ? [] : ["performance"]),
  ]
  return { era, version: version.status === 200 && found.success ? found.data.version : null, lacks }
}

async function eraOf(status: (path: string) => Promise<number>, url: string): Promise<Era> {
  if ((await status("/api/metrics/activity?limit=1")) === 200) return "activity"
  if ((await status("/api/metrics")) === 200) return "metrics"
  if ((await status("/running")) === 200) return null
  throw new EngineProblem(
    "ENGINE_NOT_LLAMA_SWAP",
    `What answers at ${url} is not llama-swap: correct LLAMA_SWAP_URL`,
  )
}
