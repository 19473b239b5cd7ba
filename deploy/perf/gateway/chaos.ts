// `pnpm chaos:gateway`: one of three hosts is killed, hung, slowed, made to answer 503, to reset connections and to die
// in the middle of streams, under load, one after the other; what clients see is counted.
import { parseArgs } from "node:util"
import { Pool } from "undici"
import { conditions, percentile } from "../figures.ts"
import { startStack } from "../stack.ts"
import { measureDetours } from "./detour.ts"
import { listed, speakFor } from "./fleet.ts"
import { startMock } from "./mock.ts"
import { measurePolicyChanges } from "./policy-change.ts"
import type { Mock } from "./mock.ts"

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "6" },
    clients: { type: "string", default: "24" },
    detours: { type: "string", default: "20" },
    /** Changes of a policy under load. */
    policies: { type: "string", default: "40" },
  },
})
const phaseMs = Number(values.seconds) * 1000
const clients = Number(values.clients)

interface Seen {
  atMs: number
  tookMs: number
  host: string
  attempts: number
  status: number
  isStream: boolean
  /** Ended with an error event of its API. */
  told: boolean
  /** Ended without a word. */
  silent: boolean
}

const FAULTS: {
  name: string
  begin(mock: Mock): Promise<Mock> | void
  end(mock: Mock): Promise<Mock> | void
}[] = [
  { name: "503 at once", begin: (mock) => mock.tell("503"), end: (mock) => mock.tell("normal") },
  { name: "slow (1.5 s)", begin: (mock) => mock.tell("slow"), end: (mock) => mock.tell("normal") },
  { name: "reset", begin: (mock) => mock.tell("reset"), end: (mock) => mock.tell("normal") },
  {
    name: "dies in the middle of streams",
    begin: (mock) => mock.tell("mid-stream-death"),
    end: (mock) => mock.tell("normal"),
  },
  {
    name: "hung (SIGSTOP)",
    begin: (mock) => void mock.child.kill("SIGSTOP"),
    end: (mock) => void mock.child.kill("SIGCONT"),
  },
  {
    name: "killed",
    begin: (mock) => mock.stop(),
    end: (mock) => startMock({ events: 20, everyMs: 10, port: mock.port }),
  },
]

async function one(pool: Pool, isStream: boolean, startedMs: number): Promise<Seen> {
  const sentMs = performance.now()
  const body = JSON.stringify({ model: "m", stream: isStream, messages: [{ role: "user", content: "hi" }] })
  const {
    statusCode,
    headers,
    body: reply,
  } = await pool.request({
    ...{ path: "/v1/chat/completions", method: "POST", body },
    headers: { "content-type": "application/json", "x-boo-source": "chaos" },
  })
  const headMs = performance.now() - sentMs
  const text = await reply.text().catch(() => "")
  const whole = isStream ? text.trimEnd().endsWith("data: [DONE]") : text.endsWith("}")
  return {
    ...{ atMs: sentMs - startedMs, tookMs: headMs, status: statusCode, isStream },
    ...{ host: String(headers["x-boo-host"] ?? ""), attempts: Number(headers["x-boo-attempts"] ?? 0) },
    told: !whole && text.includes(`"upstream_lost"`),
    silent: statusCode === 200 && !whole && !text.includes(`"upstream_lost"`),
  }
}

async function phase(pool: Pool, ms: number): Promise<Seen[]> {
  const seen: Seen[] = []
  const startedMs = performance.now()
  const client = async (n: number): Promise<void> => {
    for (let turn = n; performance.now() - startedMs < ms; turn++) {
      const result = await one(pool, turn % 2 === 0, startedMs).catch((error: unknown) => {
        console.log(`  a request broke: ${String(error)}`)
        return {
          atMs: 0,
          tookMs: 0,
          host: "",
          attempts: 0,
          status: 0,
          isStream: false,
          told: false,
          silent: false,
        }
      })
      seen.push(result)
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, n) => client(n)))
  return seen
}

let isClean = true
function judge(name: string, figure: string, isMet: boolean): void {
  if (!isMet) isClean = false
  console.log(`  ${name.padEnd(62)} ${figure.padStart(14)}   ${isMet ? "met" : "NOT MET"}`)
}

console.log(
  `chaos:gateway, ${await conditions()}\n${clients} clients, half of them streaming, ${values.seconds} s per fault\n`,
)
const mocks = [
  await startMock({ events: 20, everyMs: 10 }),
  await startMock({ events: 20, everyMs: 10 }),
  await startMock({ events: 20, everyMs: 10 }),
]
const stack = await startStack()
const hosts = mocks.map((mock, n) => ({ id: `host-${n}`, url: mock.url, models: ["m"] }))
const voice = await speakFor(stack.natsUrl, hosts)
const pool = new Pool(stack.hubUrl, { connections: 64, headersTimeout: 0, bodyTimeout: 0 })
try {
  await listed(stack.hubUrl, "m")
  const calm = await phase(pool, phaseMs)
  const calmMs = percentile(
    calm.filter(({ isStream }) => !isStream).map(({ tookMs }) => tookMs),
    0.5,
  )
  console.log(`calm: ${calm.length} requests, whole answers in ${calmMs.toFixed(1)} ms\n`)
  for (const { name, begin, end } of FAULTS) {
    const victim = mocks[0]
    if (!victim) throw new Error("no host")
    await begin(victim)
    const isReachable = name !== "killed" && !name.startsWith("hung")
    const settledAfter = new Promise<number | null>((resolve) => {
      setTimeout(() => void (isReachable ? victim.served().then(resolve) : resolve(null)), 1000)
    })
    // What hangs goes on by then: requests that wait for it must end too.
    const restored = new Promise<Mock | void>((resolve) => setTimeout(() => resolve(end(victim)), phaseMs))
    const seen = await phase(pool, phaseMs)
    const servedAfter = await settledAfter
    const late = seen.filter(({ atMs }) => atMs > 1000)
    console.log(`${name}: ${seen.length} requests`)
    const failed = seen.filter(({ status }) => status !== 200).length
    judge("errors before the first byte", String(failed), failed === 0)
    judge(
      "answers cut without a word",
      String(seen.filter(({ silent }) => silent).length),
      !seen.some(({ silent }) => silent),
    )
    const told = seen.filter((each) => each.told).length
    if (told > 0) console.log(`  streams that broke and said so: ${told}`)
    const detours = seen
      .filter(({ attempts, isStream }) => attempts > 1 && !isStream)
      .map(({ tookMs }) => tookMs)
    if (detours.length > 0) {
      const detour = percentile(detours, 0.5) - calmMs
      console.log(
        `  detours: ${detours.length}, p50 ${detour.toFixed(2)} ms more than a calm answer, all clients at once`,
      )
    }
    if (name === "503 at once" && servedAfter !== null) {
      const share = ((await victim.served()) - servedAfter) / Math.max(1, late.length)
      judge("requests that reached it after the first second", `${(share * 100).toFixed(2)} %`, share <= 0.02)
    }
    mocks[0] = (await restored) ?? victim
    await phase(pool, 2500)
  }
  // Between the two that nothing happened to: the third is not trusted again yet.
  const { appliedMs, requests, failed, misrouted } = await measurePolicyChanges(
    pool,
    hosts.slice(1).map(({ id }) => id),
    Number(values.policies),
  )
  const applied = percentile(appliedMs, 0.95)
  console.log(`a policy changed ${appliedMs.length} times among ${requests} requests by it`)
  judge("from its save until it is in force, p95", `${applied.toFixed(1)} ms`, applied <= 50)
  judge("requests that failed", String(failed), failed === 0)
  judge("requests decided by the version before", String(misrouted), misrouted === 0)
  const { calmMs: aloneMs, addedMs } = await measureDetours(pool, mocks, Number(values.detours))
  const detour = percentile(addedMs, 0.5)
  console.log(
    `one client, whole answers in ${aloneMs.toFixed(2)} ms; ${addedMs.length} times its host was killed`,
  )
  console.log(`  p95 ${percentile(addedMs, 0.95).toFixed(2)} ms more`)
  judge("detour around a refused host, p50", `${detour.toFixed(2)} ms`, detour <= 2)
} finally {
  await pool.destroy()
  await voice.stop()
  await stack.stop()
  for (const mock of mocks) mock.stop()
}
process.exitCode = isClean ? 0 : 1
