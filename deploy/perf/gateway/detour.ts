import { setTimeout as pause } from "node:timers/promises"
import { request } from "undici"
import type { Pool } from "undici"
import { percentile } from "../figures.ts"
import { startMock } from "./mock.ts"
import type { Mock } from "./mock.ts"

/** Longer than a breaker keeps away from a host that refused once. */
const BREAKER_MS = 2_500
const CALM = 20
const AT_ONCE = 12
const WARM = 300

export interface Detours {
  calmMs: number
  /** More than a calm answer, of each. */
  addedMs: number[]
}

/**
 * What the way around costs, and nothing else: once all hosts have answered, one client asks again and again, and the
 * host that answered it last is killed. While many ask at once, a second attempt also waits for the processor like
 * everything else.
 */
export async function measureDetours(pool: Pool, mocks: Mock[], count: number): Promise<Detours> {
  const sent = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] })
  const ask = async (): Promise<{ ms: number; host: number; attempts: number }> => {
    const sentMs = performance.now()
    const { statusCode, headers, body } = await pool.request({
      ...{ path: "/v1/chat/completions", method: "POST", body: sent },
      headers: { "content-type": "application/json", "x-boo-source": "chaos" },
    })
    await body.text()
    const ms = performance.now() - sentMs
    if (statusCode !== 200) throw new Error(`answered ${statusCode} while other hosts could serve`)
    const host = Number(String(headers["x-boo-host"]).replace("host-", ""))
    return { ms, host, attempts: Number(headers["x-boo-attempts"]) }
  }
  /** A mock that has just begun is slow at first, as no engine would be. */
  const warm = async ({ url }: Mock): Promise<void> => {
    for (let n = 0; n < WARM; n++)
      await (await request(`${url}/v1/chat/completions`, { method: "POST", body: sent })).body.text()
  }
  for (const mock of mocks) await warm(mock)
  const calm: number[] = []
  const detours: number[] = []
  // Where the hub has heard of a death before the next request, that is no detour; it must not go on for ever.
  for (let kill = 0; kill < 2 * count && detours.length < count; kill++) {
    // Every host is in use, as hosts are: a connection to each is open.
    await Promise.all(Array.from({ length: AT_ONCE }, ask))
    let last = await ask()
    for (let n = 0; n < CALM; n++) {
      last = await ask()
      if (last.attempts === 1) calm.push(last.ms)
    }
    const victim = mocks[last.host]
    if (!victim) throw new Error(`no host ${last.host}`)
    victim.stop()
    // Its connections end with it; a request on one of them would be a broken one, not a refused one.
    await pause(50)
    const around = await ask()
    if (around.attempts > 1) detours.push(around.ms)
    const restarted = await startMock({ events: 20, everyMs: 10, port: victim.port })
    mocks[last.host] = restarted
    await warm(restarted)
    await pause(BREAKER_MS)
  }
  const calmMs = percentile(calm, 0.5)
  return { calmMs, addedMs: detours.map((ms) => ms - calmMs) }
}
