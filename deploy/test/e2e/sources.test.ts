import { afterAll, beforeAll, expect, it } from "vitest"
import { startSimulatedHost } from "../../demo/src/index.ts"
import type { HostScenarioInput, SimulatedHost } from "../../demo/src/index.ts"
import { startStack } from "../../perf/stack.ts"
import type { Stack } from "../../perf/stack.ts"
import { eventually } from "./product.ts"

/** Requests through the gateway of the product to hosts that cannot say who asked, and what is known of them in the end. */
let stack: Stack
const hosts: SimulatedHost[] = []

interface Row {
  source: string | null
  request_id: string | null
  session_id: string | null
  attribution: string | null
}
interface Attribution {
  requests: number
  unattributed: number
  rows: { attribution: string | null; requests: number }[]
}

async function api<T>(path: string): Promise<T> {
  const reply = await fetch(`${stack.hubUrl}/api/control${path}`)
  return (await reply.json()) as T
}

/** Neither lists what is in flight with its headers, nor keeps captures. */
async function startHost(hostId: string, given: Partial<HostScenarioInput>): Promise<SimulatedHost> {
  const models = [{ id: `model-of-${hostId}` }]
  const ready = models.map(({ id }) => id)
  const host = await startSimulatedHost({ host_id: hostId, models, ready, capture_buffer_mb: 0, ...given })
  hosts.push(host)
  stack.startSidecar(hostId, {
    LLAMA_SWAP_URL: host.url,
    NVIDIA_SMI: host.nvidiaSmiPath,
    BOO_SPOOL_DIR: `${stack.folder}/spools/${hostId}`,
  })
  await eventually(
    () => api<{ rows: { id: string; state: string | null }[] }>(`/models?provider_id=${hostId}`),
    ({ rows }) => rows.some(({ id, state }) => id === ready[0] && state === "ready"),
  )
  return host
}

async function ask(base: string, model: string, { source = "", tokens = 8 }): Promise<string | null> {
  const reply = await fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-session-id": "s-1",
      ...(source && { "x-boo-source": source }),
    },
    body: JSON.stringify({ model, max_tokens: tokens, messages: [{ role: "user", content: "hello" }] }),
  })
  expect(reply.status).toBe(200)
  await reply.arrayBuffer()
  return reply.headers.get("x-boo-request-id")
}

const rowsOf = async (hostId: string) =>
  (await api<{ rows: Row[] }>(`/activity?provider_id=${hostId}&limit=1000`)).rows

beforeAll(async () => {
  stack = await startStack()
})
afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()))
  await stack?.stop()
})

const VERSIONS = ["v235", "v238"]
it.concurrent.for(VERSIONS)(
  "knows the caller of all that the gateway sent to a %s",
  async (version, { expect }) => {
    const hostId = `host-${version}`
    const model = `model-of-${hostId}`
    const host = await startHost(hostId, { version })
    const sent = new Map<string | null, string>()
    for (const [index, source] of ["boochat", "arena", "nightly", "boochat"].entries())
      sent.set(await ask(stack.hubUrl, model, { source, tokens: 20 + 40 * index }), source)
    await ask(host.url, model, { tokens: 300 })
    const rows = await eventually(
      () => rowsOf(hostId),
      (all) => all.filter(({ attribution }) => attribution !== null).length === sent.size,
      60_000,
    )
    const named = rows.filter(({ attribution }) => attribution !== null)
    expect(new Set(named.map(({ attribution }) => attribution))).toEqual(new Set(["gateway"]))
    expect(new Map(named.map((row) => [row.request_id, row.source]))).toEqual(sent)
    expect(new Set(named.map((row) => row.session_id))).toEqual(new Set(["s-1"]))
    // What went past the gateway is nobody's, and is said to be.
    expect(await api<Attribution>(`/activity/attribution?provider_id=${hostId}`)).toMatchObject({
      ...{ requests: 5, unattributed: 1 / 5 },
      rows: [
        { attribution: "gateway", requests: 4 },
        { attribution: null, requests: 1 },
      ],
    })
  },
)
