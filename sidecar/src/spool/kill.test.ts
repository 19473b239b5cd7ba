import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { expect, inject, it, onTestFinished, vi } from "vitest"
import * as z from "zod/mini"
import { STREAMS, subjects } from "@boocontrol/shared/subjects"
import { startSimulatedHost } from "../../../deploy/demo/src/index.ts"
import { natsForTest } from "../../../deploy/test/services/nats.ts"
import type { TestNats } from "../../../deploy/test/services/nats.ts"

const EMITTER = join(import.meta.dirname, "test/emitter.ts")
const MAIN = join(import.meta.dirname, "../main.ts")

const Stored = z.object({
  boot: z.string(),
  seq: z.int(),
  kind: z.string(),
  data: z.object({ rows: z.optional(z.array(z.object({ swap_epoch: z.string(), swap_entry_id: z.int() }))) }),
})
type Stored = z.infer<typeof Stored>

const freshFolder = () => mkdtempSync(join(inject("testFolder"), "spool-"))

async function makeStreams({ url }: TestNats): Promise<void> {
  const client = await connect({ servers: url })
  const manager = await jetstreamManager(client)
  for (const [name, kinds] of Object.entries(STREAMS))
    await manager.streams.add({ name, subjects: kinds.map((kind) => subjects.eventsOfKind(kind)) })
  await client.close()
}

async function storedIn({ url }: TestNats): Promise<Stored[]> {
  const client = await connect({ servers: url })
  const manager = await jetstreamManager(client)
  const found: Stored[] = []
  for (const name of Object.keys(STREAMS)) {
    const { state } = await manager.streams.info(name)
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
      const message = await manager.streams.getMessage(name, { seq })
      if (message) found.push(Stored.parse(message.json()))
    }
  }
  await client.close()
  return found
}

function start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["pipe", "pipe", "inherit"],
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit")
  child.kill("SIGKILL")
  await gone
}

const ids = (stored: readonly Stored[]) => stored.map(({ boot, seq }) => `${boot} ${seq}`)

it("brings every message that was safe to its stream once, over lives that are killed at any moment", async () => {
  const nats = await natsForTest()
  await makeStreams(nats)
  const folder = freshFolder()
  const safe = new Set<string>()
  async function live(most: number, done: () => boolean): Promise<void> {
    const child = start([EMITTER, nats.url, folder, "killed", String(most)])
    let text = ""
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      const lines = text.split("\n")
      text = lines.pop() ?? ""
      for (const line of lines) safe.add(line)
    })
    await vi.waitFor(() => expect(done()).toBe(true), { timeout: 30_000, interval: 1 })
    await kill(child)
  }
  // Each time it is killed somewhere in the middle of writing, with NATS there in some lives and away in others.
  for (const [life, more] of [57, 181, 23, 260, 120].entries()) {
    if (life === 1) await nats.kill()
    if (life === 3) await nats.restart()
    const wanted = safe.size + more
    await live(100_000, () => safe.size >= wanted)
  }
  expect(safe.size).toBeGreaterThan(640)
  await live(0, () => !readdirSync(folder).some((name) => name.endsWith(".log")))
  const stored = await storedIn(nats)
  expect(new Set(ids(stored)).size).toBe(stored.length)
  const there = new Set(ids(stored))
  expect([...safe].filter((id) => !there.has(id))).toEqual([])
}, 180_000)

it("loses no request row of a real engine while the sidecar is killed and NATS is away, and no number is missing", async () => {
  const nats = await natsForTest()
  await makeStreams(nats)
  const rows = new Set<number>()
  const host = await startSimulatedHost(
    {
      host_id: "rows",
      models: [{ id: "small", load_s: 0.1, stop_s: 0.05, decode_tps: 5_000, prefill_tps: 50_000 }],
    },
    { ledger: ({ row }) => void rows.add(row.id) },
  )
  onTestFinished(() => host.stop())
  const env = {
    ...{ BOO_HOST_ID: "rows", NATS_URL: nats.url, LLAMA_SWAP_URL: host.url, NVIDIA_SMI: host.nvidiaSmiPath },
    BOO_SPOOL_DIR: freshFolder(),
  }
  const messages = join(env.BOO_SPOOL_DIR, "messages/rows")
  const request = () =>
    host.control.request({ model: "small", source: "boochat", promptTokens: 10, outputTokens: 4 })
  const spooled = () =>
    readdirSync(messages).some((name) => name.startsWith("events") && name.endsWith(".log"))

  const first = start([MAIN, "run"], env)
  await vi.waitFor(
    async () => expect((await storedIn(nats)).map(({ kind }) => kind)).toContain("models"),
    20_000,
  )
  for (let sent = 0; sent < 10; sent += 1) await request()
  await nats.kill()
  for (let sent = 0; sent < 10; sent += 1) await request()
  await vi.waitFor(() => expect(spooled()).toBe(true), 5_000)
  await kill(first)
  for (let sent = 0; sent < 10; sent += 1) await request()
  const second = start([MAIN, "run"], env)
  await vi.waitFor(() => expect(spooled()).toBe(true), 10_000)
  await kill(second)
  await nats.restart()
  const third = start([MAIN, "run"], env)
  const rowsStored = (stored: readonly Stored[]) =>
    stored.flatMap(({ data }) => data.rows ?? []).map(({ swap_entry_id }) => swap_entry_id)
  await vi.waitFor(
    async () => {
      const there = new Set(rowsStored(await storedIn(nats)))
      expect([...rows].filter((id) => !there.has(id))).toEqual([])
    },
    { timeout: 30_000, interval: 250 },
  )
  third.kill("SIGTERM")
  await once(third, "exit")
  const stored = await storedIn(nats)
  expect(rows.size).toBe(30)
  expect(new Set(ids(stored)).size).toBe(stored.length)
  for (const [, seqs] of Map.groupBy(stored, ({ boot }) => boot)) {
    const numbers = seqs.map(({ seq }) => seq).toSorted((a, b) => a - b)
    expect(numbers).toEqual(numbers.map((_, index) => index + 1))
  }
}, 180_000)

it("refuses a second sidecar in the same folder, and says which one has it", async () => {
  const nats = await natsForTest()
  const env = {
    ...{
      BOO_HOST_ID: "folder",
      NATS_URL: nats.url,
      LLAMA_SWAP_URL: "http://127.0.0.1:9",
      NVIDIA_SMI: "none",
    },
    BOO_SPOOL_DIR: freshFolder(),
  }
  const first = start([MAIN, "run"], env)
  await vi.waitFor(() => expect(readdirSync(env.BOO_SPOOL_DIR)).toContain("running.json"), 10_000)
  const second = spawn(process.execPath, [MAIN, "run"], { env, stdio: ["ignore", "ignore", "pipe"] })
  let said = ""
  second.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()))
  const [code] = await once(second, "close")
  expect([code, said]).toEqual([1, expect.stringContaining(`another sidecar (process ${first.pid}) runs in`)])
})
