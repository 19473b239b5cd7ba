import type { Pool } from "undici"

const NAME = "swing"
const CLIENTS = 12
/** Between two changes: long enough that some hundred requests see each of them. */
const REST_MS = 150

export interface PolicyChanges {
  /** From a save to its answer; from then on every request is decided by it. */
  appliedMs: number[]
  requests: number
  /** Not answered with 200. */
  failed: number
  /** Sent after a save was answered, and served where the policy before it said. */
  misrouted: number
}

/** Saves a policy that names one host after the other while clients ask by it all the time. */
export async function measurePolicyChanges(
  pool: Pool,
  hosts: readonly string[],
  rounds: number,
): Promise<PolicyChanges> {
  const seen = { requests: 0, failed: 0, misrouted: 0 }
  const appliedMs: number[] = []
  /** Whom requests that are sent now must reach; null while a save is under way. */
  let wanted: string | null = null
  const asking = new AbortController()

  const save = async (host: string, method: "POST" | "PUT"): Promise<void> => {
    const rules = [{ name: "only", candidates: [{ hosts: [host] }], order: "fast" }]
    const path = `/api/control/routing/policies${method === "PUT" ? `/${NAME}` : ""}`
    const { statusCode, body } = await pool.request({
      ...{ path, method, headers: { "content-type": "application/json" } },
      body: JSON.stringify({ policy: { name: NAME, rules } }),
    })
    const text = await body.text()
    if (statusCode >= 300) throw new Error(`a policy was not saved: ${statusCode} ${text}`)
  }
  const client = async (): Promise<void> => {
    while (!asking.signal.aborted) {
      const must = wanted
      const { statusCode, headers, body } = await pool.request({
        ...{ path: "/v1/chat/completions", method: "POST", headers: { "content-type": "application/json" } },
        body: JSON.stringify({ model: `auto:${NAME}`, messages: [{ role: "user", content: "hi" }] }),
      })
      await body.dump()
      seen.requests += 1
      if (statusCode !== 200) seen.failed += 1
      else if (must !== null && wanted === must && headers["x-boo-host"] !== must) seen.misrouted += 1
    }
  }

  await save(hosts[0] ?? "", "POST")
  const clients = Promise.all(Array.from({ length: CLIENTS }, client))
  for (let round = 1; round <= rounds; round++) {
    const host = hosts[round % hosts.length] ?? ""
    wanted = null
    const savedMs = performance.now()
    await save(host, "PUT")
    appliedMs.push(performance.now() - savedMs)
    wanted = host
    await new Promise((resolve) => setTimeout(resolve, REST_MS))
  }
  asking.abort()
  await clients
  return { appliedMs, ...seen }
}
