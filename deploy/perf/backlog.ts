// What hosts kept while they were away, made before it is handed in: a process of its own, so that neither its making nor
// its sending delays what is measured.
import { once } from "node:events"
import { parseArgs } from "node:util"
import { connect } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { publisher } from "./load.ts"
import { trafficHost } from "./traffic.ts"
import type { TrafficHost, TrafficMessage } from "./traffic.ts"

const PER_MESSAGE = { perf: 5, activity: 20 }
const IN_FLIGHT = 512

export interface Wanted {
  kind: keyof typeof PER_MESSAGE
  hosts: readonly TrafficHost[]
  /** Rows of all hosts together. */
  rows: number
}

/** Messages of the last while, host by host within each five seconds. */
export function backlogOf({ kind, hosts, rows }: Wanted): TrafficMessage[] {
  const perMessage = PER_MESSAGE[kind]
  const rounds = Math.ceil(rows / perMessage / hosts.length)
  // Of this very hour: rows of other days would be written to other partitions.
  const startMs = Date.now() - rounds * 5_000
  return Array.from({ length: rounds }, (_, round) => startMs + round * 5_000).flatMap((atMs) =>
    hosts.map((host) => (kind === "perf" ? host.perf(atMs, perMessage) : host.activity(atMs, perMessage))),
  )
}

/** Bounded in flight, as the spools of sidecars are together. */
export async function handIn(nc: NatsConnection, messages: readonly TrafficMessage[]): Promise<void> {
  const out = publisher(nc)
  for (const [index, message] of messages.entries()) {
    out.send(message)
    if (index % IN_FLIGHT === IN_FLIGHT - 1) await out.settled()
  }
  await out.settled()
  await nc.flush()
}

/** As many a second as a sidecar sends of what it has kept (`sidecar/src/publish/lane.ts`), all hosts at once. */
const KEPT_PER_S = 15
const PACE_MS = 20

async function handInSlowly(
  nc: NatsConnection,
  messages: readonly TrafficMessage[],
  perSecond: number,
): Promise<void> {
  const out = publisher(nc)
  const startMs = performance.now()
  let sent = 0
  while (sent < messages.length) {
    const due = Math.ceil(((performance.now() - startMs) / 1000) * perSecond)
    for (const message of messages.slice(sent, due)) out.send(message)
    sent = due
    await new Promise((resolve) => setTimeout(resolve, PACE_MS))
  }
  await out.settled()
  await nc.flush()
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      ...{ nats: { type: "string" }, hosts: { type: "string" }, rows: { type: "string" } },
      ...{ from: { type: "string" }, life: { type: "string" } },
    },
  })
  const hosts = Array.from({ length: Number(values.hosts) }, (_, n) =>
    trafficHost(Number(values.from) + n, { life: values.life ?? "" }),
  )
  const messages = backlogOf({ kind: "perf", hosts, rows: Number(values.rows) })
  const nc = await connect({ servers: values.nats ?? "" })
  process.send?.("ready")
  await once(process, "message")
  await handInSlowly(nc, messages, hosts.length * KEPT_PER_S)
  process.send?.("handed in")
  await nc.close()
}
