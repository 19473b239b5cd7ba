import { setTimeout as delay } from "node:timers/promises"
import * as z from "zod/mini"

const Health = z.object({ ok: z.boolean() })
const POLL_MS = 40

/** Resolves when the hub says that all of it works. */
export async function untilHealthy(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (await isHealthy(url, signal)) return
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined)
  }
}

async function isHealthy(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(2000)]) })
    return Health.parse(await response.json()).ok
  } catch {
    return false
  }
}

const LLAMA_SWAP_PATHS = ["wol-health", "health"]

/** Whether a llama-swap answers there, within a second. */
export async function answersAsLlamaSwap(base: string): Promise<boolean> {
  const asked = LLAMA_SWAP_PATHS.map(async (path) => {
    const response = await fetch(`${base.replace(/\/+$/, "")}/${path}`, { signal: AbortSignal.timeout(1000) })
    await response.body?.cancel()
    if (!response.ok) throw new Error(String(response.status))
  })
  return Promise.any(asked).then(
    () => true,
    () => false,
  )
}
