import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { describe, expect, inject, it, onTestFinished, vi } from "vitest"
import { alive, childrenOf, dataFolder, launch, readyAt } from "./launched.ts"

const EMBEDDED = { DATABASE_URL: "", NATS_URL: "" }

async function json(url: string): Promise<Record<string, string>> {
  return (await fetch(url)).json() as Promise<Record<string, string>>
}

const namesOf = (dataDir: string): string[] =>
  childrenOf(dataDir)
    .map((child) => child.name)
    .sort()

async function noneAlive(processes: Parameters<typeof alive>[0]): Promise<void> {
  await vi.waitFor(() => expect(alive(processes)).toEqual([]), { timeout: 30_000, interval: 20 })
}

describe("a start with its own servers", () => {
  it("runs everything, tells each child what it needs, and Ctrl-C leaves nothing", async () => {
    const dataDir = dataFolder()
    const launched = launch(dataDir, ["--demo"], {
      ...EMBEDDED,
      BOO_ADMIN_TOKEN: "secret",
      BOO_HOST_ID: "this-box",
    })
    const url = await readyAt(launched)
    await launched.said(/demo fleet: 2 simulated hosts/)
    await vi.waitFor(() => expect(existsSync(join(dataDir, "spool", "sim-b", "env.json"))).toBe(true))

    const hub = await json(`${url}/env`)
    expect(hub).toMatchObject({ BOO_DATA_DIR: dataDir, BOO_ADMIN_TOKEN: "secret" })
    expect(hub.DATABASE_URL).toMatch(/^postgres:\/\/boocontrol:.+@127\.0\.0\.1:\d+\/boocontrol$/)
    expect(hub.NATS_CREDS).toBe(join(dataDir, "nats", "hub.creds"))
    expect(hub.NATS_URL).toBe(readFileSync(join(dataDir, "nats", "url"), "utf8").trim())
    const simulated = JSON.parse(readFileSync(join(dataDir, "spool", "sim-b", "env.json"), "utf8"))
    expect(simulated).toMatchObject({
      BOO_HOST_ID: "sim-b",
      BOO_SIMULATED: "1",
      LLAMA_SWAP_URL: "http://127.0.0.1:1",
      NVIDIA_SMI: "/bin/true",
      SIM: "sim-b",
      NATS_CREDS: join(dataDir, "nats", "hosts", "sim-b.creds"),
    })
    expect(simulated).not.toHaveProperty("BOO_ADMIN_TOKEN")
    expect(simulated).not.toHaveProperty("DATABASE_URL")

    const children = childrenOf(dataDir)
    expect(namesOf(dataDir)).toEqual([
      "demo",
      "hub",
      "nats-server",
      "postgres",
      "sidecar",
      "sidecar-sim-a",
      "sidecar-sim-b",
    ])
    launched.signal("SIGINT")
    expect(await launched.exited).toBe(0)
    expect(alive(children)).toEqual([])
    expect(existsSync(join(dataDir, "launcher.lock"))).toBe(false)
    expect(existsSync(join(dataDir, "children.json"))).toBe(false)
    expect(launched.output().match(/BooControl is ready/g)).toHaveLength(1)
  })

  it("leaves nothing when it is killed, and starts again on the same folder", async () => {
    const dataDir = dataFolder()
    const first = launch(dataDir, ["--demo"], EMBEDDED)
    await readyAt(first)
    const children = childrenOf(dataDir)
    first.signal("SIGKILL")
    await noneAlive(children)
    const second = launch(dataDir, [], EMBEDDED)
    await readyAt(second)
    second.signal("SIGTERM")
    expect(await second.exited).toBe(0)
  })

  it("says so and stops everything when Postgres dies", async () => {
    const dataDir = dataFolder()
    const launched = launch(dataDir, [], EMBEDDED)
    await readyAt(launched)
    const children = childrenOf(dataDir)
    process.kill(children.find((child) => child.name === "postgres")?.pid ?? 0, "SIGKILL")
    expect(await launched.exited).toBe(1)
    expect(launched.output()).toMatch(/postgres was ended by SIGKILL: stopping everything/)
    expect(alive(children)).toEqual([])
  })
})

describe("a start with given servers", () => {
  it("stops once, however often it is asked", async () => {
    const dataDir = dataFolder()
    const launched = launch(dataDir)
    await readyAt(launched)
    const children = childrenOf(dataDir)
    for (const signal of ["SIGTERM", "SIGINT", "SIGTERM", "SIGHUP"] as const) launched.signal(signal)
    expect(await launched.exited).toBe(0)
    expect(alive(children)).toEqual([])
    expect(launched.output().match(/stopping \(/g)).toHaveLength(1)
  })

  it("stops when the process that started it is gone", async () => {
    const dataDir = dataFolder()
    const launched = launch(dataDir)
    await readyAt(launched)
    const children = childrenOf(dataDir)
    launched.cutLifeline()
    expect(await launched.exited).toBe(0)
    expect(launched.output()).toMatch(/stopping \(its launcher is gone\)/)
    expect(alive(children)).toEqual([])
  })

  it("can be stopped in the middle of the start", async () => {
    const dataDir = dataFolder()
    const launched = launch(dataDir, [], EMBEDDED)
    await launched.said(/starting Postgres/)
    launched.signal("SIGTERM")
    expect(await launched.exited).toBe(0)
    expect(launched.output()).not.toContain("BooControl is ready")
    expect(existsSync(join(dataDir, "children.json"))).toBe(false)
  })

  it("brings a crashed hub and a crashed sidecar back, and says so", async () => {
    const dataDir = dataFolder()
    const launched = launch(dataDir, [], { BOO_HOST_ID: "this-box" })
    const url = await readyAt(launched)
    await fetch(`${url}/crash`).catch(() => undefined)
    await launched.said(/hub ended with code 7; starting it again/)
    await vi.waitFor(async () => expect(await json(url)).toEqual({ ok: true }), { timeout: 30_000 })
    const sidecar = childrenOf(dataDir).find((child) => child.name === "sidecar")
    process.kill(sidecar?.pid ?? 0, "SIGKILL")
    await launched.said(/sidecar was ended by SIGKILL; starting it again/)
    await vi.waitFor(() => expect(namesOf(dataDir)).toEqual(["hub", "sidecar"]), { timeout: 30_000 })
  })

  it("clears what is left when even the guard was killed", async () => {
    const dataDir = dataFolder()
    const first = launch(dataDir)
    await readyAt(first)
    const children = childrenOf(dataDir)
    const guards = readFileSync(`/proc/${first.pid}/task/${first.pid}/children`, "utf8")
      .trim()
      .split(" ")
      .map(Number)
    for (const pid of guards.filter((pid) => !children.some((child) => child.pid === pid)))
      process.kill(pid, "SIGKILL")
    first.signal("SIGKILL")
    await first.exited
    expect(alive(children)).toHaveLength(children.length)
    const second = launch(dataDir)
    await second.said(/ended what an earlier start left running: .*hub/)
    expect(alive(children)).toEqual([])
    await readyAt(second)
  })

  it("ends with the hub's code when it refuses its settings", async () => {
    const launched = launch(dataFolder(), [], { STAND_IN_REFUSES: "1" })
    expect(await launched.exited).toBe(2)
    expect(launched.output()).toMatch(/hub: BOO_LISTEN is not to my liking/)
    expect(launched.output()).toMatch(/The hub ended with code 2 before it was ready \(see .*hub\.log\)/)
  })
})

describe("what is refused", () => {
  it("is a port that somebody has, and who", async () => {
    const squatter = createServer().listen(0, "127.0.0.1")
    await once(squatter, "listening")
    onTestFinished(() => void squatter.close())
    const address = squatter.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const launched = launch(dataFolder(), [`--port=${port}`])
    expect(await launched.exited).toBe(1)
    expect(launched.output()).toContain(`127.0.0.1:${port} is in use by process ${process.pid} (`)
  })

  it("is a folder that another start holds", async () => {
    const dataDir = dataFolder()
    const first = launch(dataDir)
    await readyAt(first)
    const second = launch(dataDir)
    expect(await second.exited).toBe(1)
    expect(second.output()).toContain(`already runs on the data folder ${dataDir}: process ${first.pid}`)
  })

  it.each([
    [["--prot", "1"], {}, /--prot is not known[^]*npm start -- \[flags\]/],
    [["--config", "/nowhere.yaml"], {}, /\/nowhere\.yaml cannot be read/],
    [[], { NATS_URL: "gpu-box", DATABASE_URL: "x" }, /DATABASE_URL is "x"[^]*NATS_URL is "gpu-box"/],
  ])("is %j with %j", async (args, env, message) => {
    const launched = launch(join(inject("testFolder"), "never-made"), args, env)
    expect(await launched.exited).toBe(2)
    expect(launched.output()).toMatch(message)
    expect(existsSync(join(inject("testFolder"), "never-made"))).toBe(false)
  })
})
