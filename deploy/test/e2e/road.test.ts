import { once } from "node:events"
import type { ChildProcess } from "node:child_process"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startSimulatedHost } from "../../demo/src/index.ts"
import type { HostScenarioInput, SimulatedHost } from "../../demo/src/index.ts"
import { startStack } from "../../perf/stack.ts"
import type { Stack } from "../../perf/stack.ts"
import { eventually } from "./product.ts"

/** From a simulated llama-swap to what the hub answers, every part of the product its own process. */
let stack: Stack
const hosts: SimulatedHost[] = []

interface Row {
  id: string
  swap_epoch: string
  swap_entry_id: number
  ts: string
  model: string
  duration_ms: number
}
interface Host {
  provider_id: string
  liveness: string
  problem: { code: string; message: string } | null
  twin: { instance: string } | null
  rejected: { count: number; reason: string } | null
}

async function simulated(input: HostScenarioInput): Promise<SimulatedHost> {
  const host = await startSimulatedHost(input)
  hosts.push(host)
  return host
}

function sidecar(host: SimulatedHost, spool: string, env: Record<string, string> = {}): ChildProcess {
  return stack.startSidecar(host.hostId, {
    LLAMA_SWAP_URL: host.url,
    NVIDIA_SMI: host.nvidiaSmiPath,
    BOO_SPOOL_DIR: `${stack.folder}/spools/${spool}`,
    ...env,
  })
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit")
  child.kill("SIGTERM")
  await exit
}

async function api<T>(path: string): Promise<T> {
  const reply = await fetch(`${stack.hubUrl}/api/control${path}`)
  return (await reply.json()) as T
}

const rowsOf = async (hostId: string) =>
  (await api<{ rows: Row[] }>(`/activity?provider_id=${hostId}&limit=1000`)).rows
const hostOf = async (hostId: string) =>
  (await api<{ hosts: Host[] }>("/fleet")).hosts.find(({ provider_id }) => provider_id === hostId)

beforeAll(async () => {
  stack = await startStack()
})

afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()))
  await stack?.stop()
})

describe("a sidecar that lost its data folder fetches the whole ring again", () => {
  const stores: [string, Partial<HostScenarioInput>][] = [
    ["v235, which pushes rows", { version: "v235" }],
    ["v250, in memory", { version: "v250" }],
    ["v250, on disk", { version: "v250", persistent_store: true }],
    ["a build after v250, in memory", { version: "v250-5-g0bdb372" }],
    ["a build after v250, on disk", { version: "v250-5-g0bdb372", persistent_store: true }],
  ]
  // At once, because each has to wait: a sidecar with a new instance id is a twin until three presences are missed.
  it.concurrent.for(stores)("and adds no row: %s", async ([name, store], { expect }) => {
    const hostId = `ring-${stores.findIndex(([one]) => one === name)}`
    const host = await simulated({ host_id: hostId, models: [{ id: "m" }], ...store })
    for (let n = 0; n < 60; n += 1) host.control.addRow({ duration_ms: 1000 + n })

    const first = sidecar(host, `${hostId}-first`)
    await eventually(
      () => rowsOf(hostId),
      (rows) => rows.length === 60,
    )
    await ended(first)

    host.control.addRow({ duration_ms: 5000 })
    const second = sidecar(host, `${hostId}-second`)
    const rows = await eventually(
      () => rowsOf(hostId),
      (stored) => stored.some(({ duration_ms }) => duration_ms === 5000),
      90_000,
    )
    // A row written after everything that was fetched again: when it is stored, so is all before it.
    host.control.addRow({ duration_ms: 6000 })
    const after = await eventually(
      () => rowsOf(hostId),
      (stored) => stored.some(({ duration_ms }) => duration_ms === 6000),
    )
    await ended(second)
    expect(rows.length).toBe(61)
    expect(after.length).toBe(62)
    expect(new Set(after.map(({ duration_ms }) => duration_ms)).size).toBe(62)
    expect(new Set(after.map(({ swap_epoch }) => swap_epoch)).size).toBe(1)
  })
})

describe("what an operator must see", () => {
  it("says on the host that the API key is wrong, and which setting to mend", async () => {
    const host = await simulated({ host_id: "locked", models: [{ id: "m" }], api_keys: ["right"] })
    const child = sidecar(host, "locked", { LLAMA_SWAP_API_KEY: "wrong" })
    const seen = await eventually(
      () => hostOf("locked"),
      (one) => one?.problem?.code === "ENGINE_UNAUTHORIZED",
    )
    expect(seen?.problem?.message).toContain("LLAMA_SWAP_API_KEY")
    expect(seen?.liveness).not.toBe("connected")
    await ended(child)
  })

  it("refuses the second of two sidecars with one host id, and shows it on the card", async () => {
    const host = await simulated({ host_id: "twin", models: [{ id: "m" }] })
    const first = sidecar(host, "twin-a")
    await eventually(
      () => hostOf("twin"),
      (one) => one?.liveness === "connected",
    )
    const second = sidecar(host, "twin-b")
    await eventually(
      () => hostOf("twin"),
      (one) => one?.twin !== null && one?.twin !== undefined,
    )
    host.control.addRow({ duration_ms: 7000 })
    const rows = await eventually(
      () => rowsOf("twin"),
      (stored) => stored.length > 0,
    )
    expect(rows.length).toBe(1)
    await Promise.all([ended(first), ended(second)])
  })
})
