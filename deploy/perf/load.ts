// A process of its own, so that its processor time is not counted: it speaks as many hosts on NATS, as sidecars do.
import { parseArgs } from "node:util"
import { connect, headers } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { trafficHost } from "./traffic.ts"
import type { TrafficHost, TrafficMessage } from "./traffic.ts"

/** What was emitted, counted by who emitted it: what has to be in Postgres at the end. */
export interface Ledger {
  samples: number
  requests: number
  messages: number
  /** Of the slowest hundredth of durable messages, the quickest: from published to acknowledged by NATS. */
  ackP99Ms: number
  resent: number
  /** Ticks that began more than 50 ms late: then the load was not what it was meant to be. */
  lateTicks: number
}

const TICK_MS = 20
const PERF_EVERY_S = 5

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export interface Publisher {
  send(message: TrafficMessage): void
  settled(): Promise<void>
  readonly ledger: Ledger
}

/** Durable messages are sent again until NATS has them, as a spool does. */
export function publisher(nc: NatsConnection): Publisher {
  const ledger: Ledger = { samples: 0, requests: 0, messages: 0, ackP99Ms: 0, resent: 0, lateTicks: 0 }
  const open = new Set<Promise<void>>()
  const waits: number[] = []
  const keep = async ({ subject, text, id }: TrafficMessage): Promise<void> => {
    const known = headers()
    known.set("Nats-Msg-Id", id ?? "")
    const startedAt = performance.now()
    for (;;) {
      const reply = await nc.request(subject, text, { timeout: 10_000, headers: known }).catch(() => null)
      if (reply !== null && reply.json<{ error?: unknown }>().error === undefined) break
      ledger.resent += 1
      await pause(50)
    }
    waits.push(performance.now() - startedAt)
  }
  return {
    ledger,
    send(message) {
      ledger.messages += 1
      if (message.id === null) return nc.publish(message.subject, message.text)
      const kept = keep(message)
      open.add(kept)
      void kept.finally(() => open.delete(kept))
    },
    async settled() {
      while (open.size > 0) await Promise.all(open)
      waits.sort((a, b) => a - b)
      ledger.ackP99Ms = Math.round(waits[Math.floor(waits.length * 0.99)] ?? 0)
    },
  }
}

interface Shape {
  hosts: readonly TrafficHost[]
  requestsPerS: number
  seconds: number
}

/** Every host once a second, spread evenly over it; the rest in proportion. */
export async function emitFleet(out: Publisher, { hosts, requestsPerS, seconds }: Shape): Promise<void> {
  const startMs = Date.now()
  const totalTicks = (seconds * 1000) / TICK_MS
  const perTick = (hosts.length * TICK_MS) / 1000
  let owed = 0
  let next = 0
  let requestHost = 0
  for (let tick = 0; tick < totalTicks; tick += 1) {
    const dueMs = startMs + tick * TICK_MS
    if (dueMs > Date.now()) await pause(dueMs - Date.now())
    else if (Date.now() - dueMs > 50) out.ledger.lateTicks += 1
    for (; next < (tick + 1) * perTick; next += 1) {
      const round = Math.floor(next / hosts.length)
      const index = next % hosts.length
      const host = hosts[index]
      if (host) emitHost(out, { host, round, index })
    }
    for (owed += (requestsPerS * TICK_MS) / 1000; owed >= 1; owed -= 1) {
      const host = hosts[requestHost++ % hosts.length]
      if (host) emitRequest(out, host)
    }
  }
}

function emitHost(
  out: Publisher,
  { host, round, index }: { host: TrafficHost; round: number; index: number },
) {
  const nowMs = Date.now()
  out.send(host.live(nowMs))
  if ((round + index) % PERF_EVERY_S === 0) {
    out.send(host.perf(nowMs, PERF_EVERY_S))
    out.ledger.samples += PERF_EVERY_S
  }
  if ((round + index + 2) % PERF_EVERY_S === 0 || round === 0) out.send(host.presence(nowMs))
  if (round === 0 || (round + index) % 120 === 0)
    out.send(host.models(nowMs, round % 2 === 0 ? "ready" : "stopped"))
  if ((round + index) % 10 === 0) out.send(host.log(nowMs, 5))
}

/** In flight, then not, then the finished row. */
function emitRequest(out: Publisher, host: TrafficHost): void {
  out.send(host.inflight(Date.now(), 1))
  setTimeout(() => out.send(host.inflight(Date.now(), 0)), 400)
  out.send(host.activity(Date.now(), 1))
  out.ledger.requests += 1
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      nats: { type: "string" },
      hosts: { type: "string" },
      requests: { type: "string" },
      seconds: { type: "string" },
    },
  })
  const nc = await connect({ servers: values.nats ?? "", maxReconnectAttempts: -1 })
  const out = publisher(nc)
  const hosts = Array.from({ length: Number(values.hosts) }, (_, n) => trafficHost(n))
  await emitFleet(out, { hosts, requestsPerS: Number(values.requests), seconds: Number(values.seconds) })
  await pause(500)
  await out.settled()
  await nc.close()
  console.log(JSON.stringify(out.ledger))
}
