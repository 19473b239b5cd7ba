import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { env } from "node:process"
import { afterEach, describe, expect, it } from "vitest"
import { emptyMemory, startRig } from "./test/rig.ts"
import type { Memory, Rig } from "./test/rig.ts"

const swap = env["LLAMA_SWAP_BIN"] ?? ""
const server = env["LLAMA_SERVER_BIN"] ?? ""
const model = env["LLAMA_MODEL"] ?? ""
const SLOW = 90_000

const open: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop()
})

interface Engine {
  url: string
  ask(path: string, body: Record<string, unknown>, headers?: Record<string, string>): Promise<number>
  reload(): void
  restart(): Promise<void>
  stop(): Promise<void>
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1")
  await once(probe, "listening")
  const address = probe.address()
  probe.close()
  await once(probe, "close")
  return typeof address === "object" && address ? address.port : 0
}

/** A real llama-swap with a real llama-server behind it, on loopback. */
async function startEngine(extra = ""): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), "boocontrol-real-"))
  const port = await freePort()
  const config = join(folder, "config.yaml")
  const run = `${server} --host 127.0.0.1 --port \${PORT} -m ${model} -t 2 -c 2048`
  writeFileSync(
    config,
    [
      "healthCheckTimeout: 30",
      `startPort: ${await freePort()}`,
      "models:",
      `  tiny-q4_1: { cmd: "${run} --alias tiny-q4_1", capabilities: { context: 2048 } }`,
      `  timed: { cmd: "${run} --alias timed", ttl: 300, aliases: [gpt-x] }`,
      `  broken: { cmd: "sh -c 'true \${PORT}; exit 1'" }`,
      extra.replaceAll("FOLDER", folder),
    ].join("\n"),
  )
  let child: ChildProcess | null = null
  const url = `http://127.0.0.1:${port}`

  async function start(): Promise<void> {
    child = spawn(swap, ["-config", config, "-listen", `127.0.0.1:${port}`], { stdio: "ignore" })
    await expect
      .poll(
        () =>
          fetch(`${url}/health`).then(
            ({ ok }) => ok,
            () => false,
          ),
        { timeout: 30_000 },
      )
      .toBe(true)
  }
  /** Never killed outright: the model servers behind it would go on without it. */
  async function end(): Promise<void> {
    const ending = child
    child = null
    if (!ending || ending.exitCode !== null) return
    const ended = once(ending, "exit")
    ending.kill("SIGTERM")
    await ended
  }

  const engine: Engine = {
    url,
    async ask(path, body, headers = {}) {
      const reply = await fetch(`${url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      })
      await reply.text()
      return reply.status
    },
    reload: () => child?.kill("SIGHUP"),
    async restart() {
      await end()
      await start()
    },
    async stop() {
      await end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  open.push(engine)
  await start()
  return engine
}

function rigOn(engine: Engine, memory: Memory = emptyMemory()): Rig {
  const rig = startRig(engine.url, { memory, speed: 10 })
  open.push(rig)
  return rig
}

const chat = (name: string, changes: Record<string, unknown> = {}) => ({
  model: name,
  max_tokens: 8,
  messages: [{ role: "user", content: "Say hello." }],
  ...changes,
})
const until = (rig: Rig, what: string, check: () => boolean) => rig.until(what, check, 60_000)

const given = [swap, server, model].filter((value) => value !== "").length

it("is switched on by LLAMA_SWAP_BIN, LLAMA_SERVER_BIN and LLAMA_MODEL together", () => {
  expect([0, 3]).toContain(given)
})

function againstReal(): void {
  it("sees a model load, its true timings, and who asked", { timeout: SLOW }, async () => {
    const engine = await startEngine()
    const rig = rigOn(engine)
    await until(rig, "the first list", () => rig.stateOf("tiny-q4_1") === "stopped")
    await engine.ask("/v1/chat/completions", chat("tiny-q4_1"), {
      "x-boo-source": "boochat",
      "x-session-id": "s-1",
    })
    await until(rig, "the row", () => rig.rows().length === 1)
    const [row] = rig.rows()
    expect(row).toMatchObject({
      model: "tiny-q4_1",
      status_code: 200,
      token_basis: "timings",
      output_tokens: 8,
      error: null,
    })
    expect(row?.gen_tps).toBeGreaterThan(0)
    expect(row?.prompt_tokens).toBe((row?.uncached_tokens ?? 0) + (row?.cache_tokens ?? 0))
    const listed = rig.told.inflight.flatMap(({ requests }) => requests ?? [])
    expect(listed.some(({ model: name }) => name === "tiny-q4_1")).toBe(true)
    // Headers of requests in flight are told from v240 on.
    const toldWho = listed.some(({ source }) => source === "boochat")
    const caller = [row?.source, row?.session_id, row?.client_ip]
    expect(caller).toEqual(toldWho ? ["boochat", "s-1", "127.0.0.1"] : [null, null, null])
    await until(rig, "the load time", () =>
      Boolean(rig.told.models.at(-1)?.models.find(({ id }) => id === "tiny-q4_1")?.load_ms_typical),
    )
    const moves = rig.told.models
      .flatMap(({ transitions }) => transitions)
      .map(({ from, to }) => `${from}>${to}`)
    expect(moves).toEqual(["stopped>starting", "starting>ready"])
    expect(rig.told.models.at(-1)?.models.find(({ id }) => id === "tiny-q4_1")).toMatchObject({
      state: "ready",
      quant: "Q4_1",
    })
    expect(rig.connector.rejected()).toBe(0)
  })

  it("counts one prompt alike over three APIs", { timeout: SLOW }, async () => {
    const engine = await startEngine()
    const rig = rigOn(engine)
    const input = [{ role: "user", content: "Say hello." }]
    await engine.ask("/v1/chat/completions", chat("tiny-q4_1"))
    await engine.ask("/v1/messages", chat("tiny-q4_1"))
    await engine.ask("/v1/responses", { model: "tiny-q4_1", input, max_output_tokens: 8 })
    await until(rig, "three rows", () => rig.rows().length === 3)
    expect(rig.rows().map(({ token_basis: basis }) => basis)).toEqual(["timings", "usage", "usage"])
    expect(new Set(rig.rows().map(({ prompt_tokens: prompt }) => prompt)).size).toBe(1)
  })

  it(
    "says why a model did not start, and when one that is idle will be unloaded",
    { timeout: SLOW },
    async () => {
      const engine = await startEngine()
      const rig = rigOn(engine)
      await until(rig, "the first list", () => rig.told.models.length > 0)
      await engine.ask("/v1/chat/completions", chat("broken"))
      await until(rig, "the error", () => rig.stateOf("broken") === "error")
      const reading = (id: string) => rig.told.models.at(-1)?.models.find((one) => one.id === id)
      expect(reading("broken")?.error).toBe("upstream command exited prematurely")
      await rig.connector.actions.load("timed", { kind: "chat", signal: AbortSignal.timeout(60_000) })
      await until(rig, "the end of idle time", () => Boolean(reading("timed")?.expires_at))
      expect(reading("timed")).toMatchObject({ state: "ready", ttl_s: 300 })
      await rig.connector.actions.unload("gpt-x")
      await until(rig, "it is stopped", () => rig.stateOf("timed") === "stopped")
      expect(reading("timed")).toMatchObject({ expires_at: null, error: null })
      await expect(rig.connector.actions.unload("nobody")).rejects.toThrow(/not found/)
      expect(await rig.connector.actions.cancel("999")).toBe(false)
    },
  )

  it(
    "goes on over reload and restart, and shows the gap that it was not there for",
    { timeout: SLOW },
    async () => {
      const engine = await startEngine()
      const memory = emptyMemory()
      const rig = rigOn(engine, memory)
      await engine.ask("/v1/chat/completions", chat("tiny-q4_1"))
      await until(rig, "a row", () => rig.rows().length === 1 && rig.told.inflight.at(-1)?.total === 0)
      engine.reload()
      await until(rig, "connected again", () => rig.notes("engine_connected").length === 2)
      await engine.ask("/v1/chat/completions", chat("tiny-q4_1"))
      await until(rig, "a row after the reload", () => rig.rows().length === 2)
      await until(rig, "nothing in flight", () => rig.told.inflight.at(-1)?.total === 0)
      await engine.restart()
      await until(rig, "connected after the restart", () => rig.notes("engine_connected").length >= 3)
      await engine.ask("/v1/chat/completions", chat("tiny-q4_1"))
      await until(rig, "a row after the restart", () => rig.rows().length === 3)
      expect(rig.notes("gap_suspected")).toEqual([])
      await rig.stop()

      await engine.ask("/v1/chat/completions", chat("tiny-q4_1"))
      await engine.restart()
      await engine.ask("/v1/chat/completions", chat("tiny-q4_1"))
      memory.cursor = null
      const later = rigOn(engine, memory)
      await until(later, "the row after it", () => later.rows().length === 1)
      expect(later.told.notes.map(({ note }) => note)).toEqual([
        "engine_connected",
        "swap_restarted",
        "gap_suspected",
      ])
    },
  )

  it("adds nothing when all rows are read again", { timeout: SLOW }, async () => {
    const engine = await startEngine()
    for (let count = 0; count < 3; count++) await engine.ask("/v1/chat/completions", chat("tiny-q4_1"))
    const memory = emptyMemory()
    const first = rigOn(engine, memory)
    await until(first, "all rows", () => first.rows().length === 3)
    await first.stop()
    memory.cursor = null
    const second = rigOn(engine, memory)
    await until(second, "connected", () => second.told.inflight.length > 0)
    await engine.ask("/v1/chat/completions", chat("tiny-q4_1"))
    await until(second, "the next row", () => second.rows().length > 0)
    expect(second.rows().length).toBe(1)
    expect(second.rows()[0]?.swap_epoch).toBe(first.rows()[0]?.swap_epoch)
  })

  it("names the setting when the key is wrong", { timeout: SLOW }, async () => {
    const engine = await startEngine("apiKeys: [right]")
    const rig = rigOn(engine)
    await until(rig, "the problem", () => rig.connector.status().problem !== null)
    expect(rig.connector.status()).toMatchObject({
      liveness: "down",
      problem: { code: "ENGINE_UNAUTHORIZED" },
    })
  })

  it("reads what the engine measures of its machine", { timeout: SLOW }, async () => {
    const engine = await startEngine()
    const rig = rigOn(engine)
    await until(rig, "connected", () => rig.connector.status().liveness === "connected")
    await expect
      .poll(async () => (await rig.connector.samples(null))?.length ?? 0, { timeout: 30_000, interval: 500 })
      .toBeGreaterThan(0)
    const samples = (await rig.connector.samples(null)) ?? []
    expect(samples[0]?.sys?.mem_total_mib).toBeGreaterThan(0)
    const [first] = samples
    expect((await rig.connector.samples(first?.ts ?? null))?.some(({ ts }) => ts === first?.ts)).toBe(false)
    const lacks = rig.connector.status().lacks
    expect((await rig.connector.hardware()) === null).toBe(lacks.includes("hardware"))
  })
}

if (given === 3)
  describe("against a real llama-swap", () => {
    againstReal()
  })
