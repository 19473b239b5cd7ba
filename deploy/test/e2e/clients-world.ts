import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync } from "node:fs"
import { createServer } from "node:http"
import type { IncomingHttpHeaders, Server, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { inject } from "vitest"
import { newWorld, runHub } from "../../../hub/test/running-hub.ts"
import type { RunningHub } from "../../../hub/test/running-hub.ts"
import { startSimulatedHost } from "../../demo/src/index.ts"
import type { HostScenarioInput, SimulatedHost } from "../../demo/src/index.ts"
import { eventually } from "./product.ts"

export const CHAT = "qwen3-coder-30b"
export const EMBEDDINGS = "nomic-embed-text"
export const CONTEXT = 4096

/** Quick, and with room for all that a test asks at once; both models stay loaded beside one another. */
const MODELS: HostScenarioInput["models"] = [
  {
    ...{ id: CHAT, tools: true, context: CONTEXT, load_s: 0.1, slots: 8 },
    ...{ prefill_tps: 20_000, decode_tps: 300, vram_mib: [2000] },
  },
  { id: EMBEDDINGS, kind: "embedding", load_s: 0.1, prefill_tps: 20_000, vram_mib: [500] },
]
const HOST: Omit<HostScenarioInput, "host_id"> = {
  models: MODELS,
  groups: [{ id: "all", swap: false, exclusive: false, members: [CHAT, EMBEDDINGS] }],
  ready: [CHAT, EMBEDDINGS],
}

export interface ClientsWorld {
  /** What a client is given as its base URL, without and with `/v1`. */
  readonly url: string
  readonly v1: string
  host(id: string): SimulatedHost
  /** Cuts what this host has in hand; from now on it refuses everything. */
  kill(id: string): Promise<void>
  hub: RunningHub
  stop(): Promise<void>
}

const SIDECAR = join(import.meta.dirname, "../../../sidecar/dist/sidecar.mjs")

/** A hub in front of simulated hosts, each with a sidecar of its own as a process. */
export async function startClientsWorld(
  label: string,
  hosts: Record<string, Partial<HostScenarioInput>>,
): Promise<ClientsWorld> {
  const world = await newWorld(label)
  const hub = await runHub(world)
  const simulated = new Map<string, SimulatedHost>()
  const sidecars: ChildProcess[] = []
  for (const [id, more] of Object.entries(hosts)) {
    const host = await startSimulatedHost({ ...HOST, host_id: id, ...more })
    simulated.set(id, host)
    const env = {
      ...{ PATH: process.env["PATH"], BOO_LIFELINE: "1", BOO_SIMULATED: "1", BOO_HOST_ID: id },
      ...{ NATS_URL: world.nats.url, BOO_SPOOL_DIR: mkdtempSync(join(inject("testFolder"), "spool-")) },
      ...{ LLAMA_SWAP_URL: host.url, NVIDIA_SMI: host.nvidiaSmiPath },
      ...(more.api_keys?.[0] !== undefined && { LLAMA_SWAP_API_KEY: more.api_keys[0] }),
    }
    sidecars.push(spawn(process.execPath, [SIDECAR, "run"], { env, stdio: ["pipe", "ignore", "ignore"] }))
  }
  const host = (id: string): SimulatedHost => {
    const found = simulated.get(id)
    if (!found) throw new Error(`there is no host ${id}`)
    return found
  }
  const areUp = async (): Promise<boolean> => {
    const known = (await hub.fleet()).hosts
    return [...simulated.keys()].every((id) => {
      const seen = known.find(({ provider_id }) => provider_id === id)
      const ready = seen?.models.filter(({ state }) => state === "ready") ?? []
      return seen?.liveness === "connected" && ready.length === MODELS.length
    })
  }
  await eventually(areUp, Boolean, 60_000)
  return {
    ...{ hub, host, url: hub.url, v1: `${hub.url}/v1` },
    kill: (id) => host(id).control.refuseConnections(true),
    async stop() {
      await Promise.all(sidecars.map(ended))
      await Promise.all([...simulated.values()].map((one) => one.stop()))
      await hub.stop()
      await world.end()
    },
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit")
  if (child.exitCode === null && child.kill("SIGTERM")) await exit
}

export interface HeardRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export type MockReply = ServerResponse

export interface Mock {
  readonly url: string
  readonly heard: HeardRequest[]
  close(): Promise<void>
}

/** A server that remembers what it was asked, whole. */
export async function startMock(answer: (heard: HeardRequest, response: MockReply) => void): Promise<Mock> {
  const heard: HeardRequest[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const { method = "", url = "", headers } = request
      const one = { method, url, headers, body: Buffer.concat(chunks).toString() }
      heard.push(one)
      answer(one, response)
    })
  })
  return { url: await listening(server), heard, close: () => closed(server) }
}

export async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function closed(server: Server): Promise<void> {
  const done = once(server, "close")
  server.close()
  server.closeAllConnections()
  await done
}
