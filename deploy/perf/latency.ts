import { parseArgs } from "node:util"
import { Frame } from "@boocontrol/shared/frames"
import { fleetOf, startSimulatedHost } from "../demo/src/index.ts"
import type { SimulatedHost } from "../demo/src/index.ts"
import { conditions, latencyLine } from "./figures.ts"
import { openScreen } from "./screen.ts"
import { startStack } from "./stack.ts"

/**
 * `pnpm perf:latency`: from the moment a simulated llama-swap writes an event to the WebSocket frame, and to the
 * changed pixel in Chromium. Ten hosts, each with its own sidecar process, GPU samples at 1 Hz and live traffic off.
 * Model states go by core NATS; request rows go through JetStream and a Postgres commit first.
 */
const { values: options } = parseArgs({
  options: {
    hosts: { type: "string", default: "10" },
    events: { type: "string", default: "400" },
    "no-screen": { type: "boolean", default: false },
  },
})
const HOSTS = Number(options.hosts)
const EVENTS = Number(options.events)
const PAUSE_MS = 60

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

interface Waiting {
  matches: (frame: Frame) => boolean
  seen: (at: number) => void
}

async function main(): Promise<void> {
  console.log(await conditions())
  const stack = await startStack()
  const hosts: SimulatedHost[] = []
  for (const scenario of fleetOf(HOSTS))
    hosts.push(await startSimulatedHost({ ...scenario, traffic: [], era: "new" }))
  try {
    for (const host of hosts) {
      stack.startSidecar(host.hostId, { LLAMA_SWAP_URL: host.url, NVIDIA_SMI: host.nvidiaSmiPath })
    }
    const socket = await listen(stack.hubUrl)
    await allConnected(stack.hubUrl, HOSTS)
    const screen = options["no-screen"] ? null : await openScreen(stack.hubUrl)
    await pause(5000)

    const live: number[] = []
    const pixels: number[] = []
    for (let index = 0; index < EVENTS; index += 1) {
      const host = hosts[index % hosts.length]
      if (!host) continue
      const model = Object.keys(host.control.states())[0] ?? ""
      const next = host.control.states()[model] === "ready" ? "stopped" : "ready"
      const frame = socket.next(
        (one) =>
          one.type === "control_fleet" &&
          one.kind === "delta" &&
          one.provider_id === host.hostId &&
          one.patch.models?.some(({ id, state }) => id === model && state === next) === true,
      )
      await screen?.arm(host.hostId, model, next)
      const startedAt = performance.timeOrigin + performance.now()
      host.control.setModelState(model, next)
      live.push((await frame) - startedAt)
      if (screen) pixels.push((await screen.painted()) - startedAt)
      await pause(PAUSE_MS)
    }

    const rows: number[] = []
    for (let index = 0; index < EVENTS; index += 1) {
      const host = hosts[index % hosts.length]
      if (!host) continue
      const durationMs = 100_000 + index
      const frame = socket.next(
        (one) => one.type === "control_activity" && one.rows.some((row) => row.duration_ms === durationMs),
      )
      const startedAt = performance.timeOrigin + performance.now()
      host.control.addRow({ duration_ms: durationMs })
      rows.push((await frame) - startedAt)
      await pause(PAUSE_MS)
    }

    console.log(latencyLine("event to frame (model state)", live, { p50: 20, p99: 100 }))
    if (screen)
      console.log(latencyLine("event to changed pixel (model state)", pixels, { p50: 50, p99: 150 }))
    console.log(latencyLine("event to frame (request row, after the commit)", rows))
    socket.close()
    await screen?.close()
  } finally {
    await Promise.all(hosts.map((host) => host.stop()))
    await stack.stop()
  }
}

async function listen(hubUrl: string) {
  const socket = new WebSocket(`${hubUrl.replace("http", "ws")}/api/control/ws`)
  const waiting = new Set<Waiting>()
  socket.addEventListener("message", (event) => {
    const at = performance.timeOrigin + performance.now()
    const frame = Frame.parse(JSON.parse(String(event.data)))
    for (const one of waiting) {
      if (!one.matches(frame)) continue
      waiting.delete(one)
      one.seen(at)
    }
  })
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve)
    socket.addEventListener("error", () => reject(new Error("the hub refused the socket")))
  })
  return {
    next: (matches: Waiting["matches"]) =>
      new Promise<number>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error("no such frame within 10 s")), 10_000)
        waiting.add({ matches, seen: (at) => (clearTimeout(late), resolve(at)) })
      }),
    close: () => socket.close(),
  }
}

async function allConnected(hubUrl: string, count: number): Promise<void> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const reply = await fetch(`${hubUrl}/api/control/fleet`)
    const { hosts } = (await reply.json()) as { hosts: { liveness: string; models: unknown[] }[] }
    if (hosts.filter((host) => host.liveness === "connected" && host.models.length > 0).length >= count)
      return
    if (Date.now() > deadline)
      throw new Error(`not all hosts came up: ${JSON.stringify(hosts.map((h) => h.liveness))}`)
    await pause(200)
  }
}

await main()
