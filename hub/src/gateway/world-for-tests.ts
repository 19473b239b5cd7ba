import { createServer } from "node:http"
import { onTestFinished } from "vitest"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { once } from "node:events"
import type { FleetHost } from "@boocontrol/shared/fleet"
import { HostId } from "@boocontrol/shared/ids"
import { systemClock } from "../platform/clock.ts"
import { createBreakers, createGateway } from "./index.ts"
import { createPlanner } from "./planner-for-tests.ts"
import type { ExchangeEnd, Gateway } from "./index.ts"
import type { FedBreakers } from "./breakers.ts"
import type { AccessPort } from "./door.ts"
import type { LeasesPort, RoutingPort } from "./ports.ts"
import type { Keys } from "./run.ts"

export interface Heard {
  method: string
  url: string
  headers: IncomingMessage["headers"]
  body: string
}

type Answering = (response: ServerResponse, heard: Heard, request: IncomingMessage) => void

/** A host that answers as a test wants it. */
export interface FakeHost {
  readonly url: string
  readonly heard: Heard[]
  answer: Answering
  close(): Promise<void>
}

export async function fakeHost(answer: Answering): Promise<FakeHost> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("error", () => undefined)
    request.on("end", () => {
      const { method = "", url = "", headers } = request
      const heard = { method, url, headers, body: Buffer.concat(chunks).toString() }
      host.heard.push(heard)
      host.answer(response, heard, request)
    })
  })
  const url = await listening(server)
  const host: FakeHost = { url, heard: [], answer, close: () => closed(server) }
  return host
}

async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function closed(server: Server): Promise<void> {
  const done = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await done
}

export function fleetHost(id: string, url: string, given: readonly string[] | Partial<FleetHost>): FleetHost {
  const more: Partial<FleetHost> = isNames(given) ? { models: given.map((name) => fleetModel(name)) } : given
  return {
    ...{
      provider_id: HostId.parse(id),
      display_name: id,
      os: null,
      gpu_label: null,
      tags: [],
      enabled: true,
    },
    ...{
      simulated: true,
      liveness: "connected",
      last_seen_at: null,
      liveness_since: null,
      sidecar_version: null,
    },
    ...{
      engine_version: null,
      engine_era: null,
      engine_lacks: [],
      advertise_url: url,
      problem: null,
      twin: null,
    },
    ...{
      hardware: null,
      gpus: [],
      gpu_feed: null,
      inflight: null,
      inflight_total: null,
      actions: [],
      lease: null,
    },
    ...{ spool: null, rates: null, rejected: null, sample: null },
    models: [],
    ...more,
  }
}

function isNames(given: readonly string[] | Partial<FleetHost>): given is readonly string[] {
  return Array.isArray(given)
}

export function fleetModel(
  id: string,
  more: Partial<FleetHost["models"][number]> = {},
): FleetHost["models"][number] {
  return {
    ...{
      id,
      name: null,
      description: null,
      aliases: [],
      state: "ready",
      state_since: null,
      error: null,
      ttl_s: 300,
    },
    ...{ expires_at: null, context_length: 8192, quant: null, load_ms_typical: null, vram_mib: null },
    ...{ vram_basis: null, unlisted: false, peer: null, capabilities: [], favorite: false, hidden: false },
    ...more,
  }
}

export interface TestGateway {
  readonly url: string
  readonly gateway: Gateway
  readonly breakers: FedBreakers
  readonly ends: ExchangeEnd[]
  hosts: FleetHost[]
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  stop(): Promise<void>
}

export interface TestGatewayOptions {
  hosts: FleetHost[]
  routing?: (breakers: FedBreakers) => RoutingPort
  access?: AccessPort
  keyOf?: (host: HostId) => string | null
  keys?: Keys | null
  isStale?: LeasesPort["isStale"]
}

const OPEN: AccessPort = { judge: () => ({ ok: true }) }

/** The data plane alone on a port of its own, with a fleet that a test may change at any time. */
export async function testGateway({
  hosts,
  routing,
  access = OPEN,
  keyOf = () => null,
  keys = null,
  isStale = () => false,
}: TestGatewayOptions) {
  const breakers = createBreakers()
  const ends: ExchangeEnd[] = []
  const now = (): number => systemClock.now()
  const fleet = { hosts: () => world.hosts }
  const gateway = createGateway({
    ...{ clock: systemClock, basePath: "/", breakers, access, fleet, keys, leases: { isStale } },
    routing: routing?.(breakers) ?? createPlanner({ fleet, breakers, keys: { keyOf }, now }),
    ended: (end) => void ends.push(end),
  })
  const server = createServer((request, response) => {
    if (!gateway.takes(request, response)) response.writeHead(404).end("not the gateway's")
  })
  const url = await listening(server)
  await gateway.start()
  const world: TestGateway = {
    ...{ url, gateway, breakers, ends, hosts },
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    async stop() {
      await gateway.stop()
      await closed(server)
    },
  }
  return world
}

/** Headers at once, then these pieces, a turn apart, then the end. */
export function stream(pieces: readonly string[], end: "end" | "destroy" | "hang" = "end"): Answering {
  return (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    const next = (at: number): void => {
      const piece = pieces[at]
      if (piece !== undefined) return void response.write(piece, () => setImmediate(next, at + 1))
      if (end === "end") response.end()
      else if (end === "destroy") response.destroy()
    }
    next(0)
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answering {
  return (response) => {
    const text = JSON.stringify(body)
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      ...headers,
    })
    response.end(text)
  }
}

/** A host that ends with the test. */
export async function hostForTest(answer: FakeHost["answer"]): Promise<FakeHost> {
  const made = await fakeHost(answer)
  onTestFinished(() => made.close())
  return made
}

/** A gateway that ends with the test, before its hosts. */
export async function gatewayForTest(options: TestGatewayOptions): Promise<TestGateway> {
  const made = await testGateway(options)
  onTestFinished(made.stop)
  return made
}

export const chat = { model: "m", messages: [{ role: "user", content: "hi" }] }
export const streamed = { ...chat, stream: true }
/** What a host streams: an event with text, the counts of tokens, the last event. */
export const chunk = (text: string): string =>
  `data: {"id":"x","choices":[{"delta":{"content":"${text}"}}]}\n\n`
export const usage = `data: {"id":"x","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n`
export const done = "data: [DONE]\n\n"

export const refusesConnections = "http://127.0.0.1:1"
