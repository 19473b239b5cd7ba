import type { ActivityRow } from "@boocontrol/shared/activity"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { ClientFrame } from "@boocontrol/shared/frames"
import { instantOf } from "@boocontrol/shared/time"
import { answer } from "./stub-routes.ts"
import { snapshotOf } from "./stub-state.ts"
import type { StubState } from "./stub-state.ts"
import { acceptPeer } from "./wire-server.ts"
import type { Peer } from "./wire-server.ts"
import { logTails, logsOfRequest } from "./log-lines.ts"
import { requestAt } from "./requests.ts"
import { everyState, manyHosts, sampleAt } from "./world.ts"
import type { FleetHost } from "@boocontrol/shared/fleet"

export interface StubOptions {
  readonly port: number
  /** Every state once, or so many hosts. */
  readonly hosts: "every-state" | number
  /** No traffic of its own: only what a test sends. */
  readonly quiet?: boolean
}

export interface Stub {
  readonly url: string
  readonly state: StubState
  /** Drops every socket and refuses new ones, as a hub that is gone. */
  readonly goAway: () => void
  readonly comeBack: () => void
  readonly stop: () => Promise<void>
}

const HUB_ID = "00000000-0000-4000-8000-00000000b001"
const ROWS_AT_START = 900

export async function startStub(options: StubOptions): Promise<Stub> {
  const nowMs = Date.now()
  const made = options.hosts === "every-state" ? everyState(nowMs) : manyHosts(options.hosts, nowMs)
  const peers = new Map<Peer, Set<string>>()
  let away = false
  const state: StubState = {
    hubId: HUB_ID,
    hosts: new Map(made.map((host) => [host.provider_id, host])),
    seqs: new Map(made.map((host) => [host.provider_id, nowMs])),
    rows: rowsBefore(made, nowMs),
    broadcast(topic, frame) {
      const text = JSON.stringify(frame)
      for (const [peer, topics] of peers) {
        if (topics.has(topic) || (topic.startsWith("perf:") && topics.has("perf:*"))) peer.send(text)
      }
    },
    change(id, patch) {
      const host = state.hosts.get(id)
      if (!host) return
      state.hosts.set(id, { ...host, ...patch })
      const seq = (state.seqs.get(id) ?? 0) + 1
      state.seqs.set(id, seq)
      const at = instantOf(Date.now())
      const event_at = instantOf(Date.now() - 12)
      state.broadcast("fleet", {
        type: "control_fleet",
        kind: "delta",
        provider_id: id,
        seq,
        at,
        event_at,
        patch,
      })
    },
  }

  const server = createServer((request, response) => {
    if (away) response.destroy()
    else void answer(state, request, response)
  })
  server.on("upgrade", (request, socket) => {
    if (away) return socket.destroy()
    const peer = acceptPeer(request, socket)
    peers.set(peer, new Set(["fleet", "activity", "jobs"]))
    peer.onClose(() => peers.delete(peer))
    peer.onText((text) => listen(state, { peer, peers, text }))
    peer.send(JSON.stringify({ type: "control_fleet", kind: "snapshot", ...snapshotOf(state) }))
  })
  await new Promise<void>((resolve) => server.listen(options.port, "127.0.0.1", resolve))
  const timer = options.quiet ? null : setInterval(() => live(state), 1000)
  const address = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${address.port}`,
    state,
    goAway() {
      away = true
      for (const peer of peers.keys()) peer.close()
    },
    comeBack() {
      away = false
    },
    async stop() {
      if (timer) clearInterval(timer)
      for (const peer of peers.keys()) peer.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function listen(state: StubState, given: { peer: Peer; peers: Map<Peer, Set<string>>; text: string }): void {
  const frame = ClientFrame.parse(JSON.parse(given.text))
  if (frame.type === "resync") return
  const before = given.peers.get(given.peer)
  given.peers.set(given.peer, new Set(frame.topics))
  for (const topic of frame.topics) {
    if (topic.startsWith("log:") && !before?.has(topic))
      for (const tail of logTails(topic.slice(4), Date.now())) given.peer.send(JSON.stringify(tail))
  }
}

let counted = ROWS_AT_START

/** One second of life. */
function live(state: StubState): void {
  const now = Date.now()
  for (const host of state.hosts.values()) {
    const sample = sampleAt(host, now)
    if (!sample) continue
    const at = instantOf(now)
    const frame = {
      type: "control_perf",
      provider_id: host.provider_id,
      seq: 0,
      at,
      event_at: instantOf(now - 20),
    }
    state.broadcast(`perf:${host.provider_id}`, { ...frame, samples: [sample] })
  }
  const hosts = [...state.hosts.values()]
  const host = hosts[counted % hosts.length]
  const row = host ? requestAt(host, now, counted++) : null
  if (!host || !row) {
    counted++
    return
  }
  state.rows = [row, ...state.rows].slice(0, 5000)
  const at = instantOf(now)
  const frame = {
    type: "control_activity",
    provider_id: host.provider_id,
    seq: 0,
    at,
    event_at: instantOf(now - 25),
  }
  state.broadcast("activity", { ...frame, rows: [row] })
  for (const lines of logsOfRequest(row, now)) state.broadcast(`log:${host.provider_id}`, lines)
}

function rowsBefore(hosts: readonly FleetHost[], nowMs: number): ActivityRow[] {
  const rows: ActivityRow[] = []
  for (let n = 0; n < ROWS_AT_START; n++) {
    const host = hosts[n % Math.max(1, hosts.length)]
    const row = host ? requestAt(host, nowMs - 3000 - n * 2300, n) : null
    if (row) rows.push(row)
  }
  return rows
}
