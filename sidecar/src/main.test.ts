import { execFileSync, spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect } from "@nats-io/transport-node"
import { describe, expect, inject, it, onTestFinished, vi } from "vitest"
import { parseEnvelope } from "@boocontrol/shared/envelope"
import type { Envelope } from "@boocontrol/shared/envelope"
import { HostId } from "@boocontrol/shared/ids"
import { parseEventSubject, subjects } from "@boocontrol/shared/subjects"
import type { EventKind } from "@boocontrol/shared/subjects"
import { startSimulatedHost } from "../../deploy/demo/src/index.ts"
import { buildSidecar } from "../build.ts"
import { VERSION } from "./version.ts"

const MAIN = join(import.meta.dirname, "main.ts")

interface Run {
  program?: string
  env?: Record<string, string>
  args?: string[]
}

function start({ program = MAIN, env = {}, args = ["run"] }: Run): ChildProcess & { output(): string } {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["pipe", "pipe", "pipe"],
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()))
  onTestFinished(() => void child.kill("SIGKILL"))
  return Object.assign(child, { output: () => output })
}

async function codeOf(run: Run): Promise<{ code: unknown; output: string }> {
  const child = start(run)
  const [code] = await once(child, "close")
  return { code, output: child.output() }
}

const freshFolder = () => mkdtempSync(join(tmpdir(), "boocontrol-main-"))
let hosts = 0

async function world() {
  const id = HostId.parse(`main-${process.pid}-${(hosts += 1)}`)
  const host = await startSimulatedHost({
    host_id: id,
    gpus: ["rtx-3090", "rtx-3090"],
    models: [{ id: "m", context: 4_096, load_s: 1, vram_mib: [500], decode_tps: 100, prefill_tps: 1_000 }],
  })
  onTestFinished(() => host.stop())
  const client = await connect({ servers: inject("natsUrl") })
  onTestFinished(() => client.close())
  const heard: Envelope[] = []
  const problems: string[] = []
  client.subscribe(subjects.eventsOf(id), {
    callback: (_, message) => {
      const subject = parseEventSubject(message.subject)
      const parsed = subject && parseEnvelope(message.string(), subject)
      if (parsed?.ok) heard.push(parsed.envelope)
      else problems.push(`${message.subject}: ${parsed?.problem ?? "unknown subject"}`)
    },
  })
  await client.flush()
  const env = {
    BOO_HOST_ID: id,
    NATS_URL: inject("natsUrl"),
    LLAMA_SWAP_URL: host.url,
    NVIDIA_SMI: host.nvidiaSmiPath,
    BOO_SPOOL_DIR: freshFolder(),
    BOO_SIMULATED: "1",
  }
  const kinds = () => new Set<EventKind>(heard.map(({ kind }) => kind))
  const newest = <K extends EventKind>(kind: K) =>
    heard.findLast((envelope): envelope is Extract<Envelope, { kind: K }> => envelope.kind === kind)
  return { env, heard, problems, kinds, newest, host }
}

/** Processes whose parent is this one. */
function childrenOf(pid: number | undefined): number[] {
  const lines = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n")
  return lines
    .map((line) => line.trim().split(/ +/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child ? [child] : []))
}

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")
  } catch {
    return false
  }
}

describe("the bundled sidecar", () => {
  it("tells the hub what its host does, leaves its state for `status`, and stops at once", async () => {
    const { env, problems, kinds, newest } = await world()
    const program = await buildSidecar(freshFolder())
    const sidecar = start({ program, env })
    await vi.waitFor(
      () => expect([...kinds()]).toEqual(expect.arrayContaining(["presence", "live", "perf", "models"])),
      25_000,
    )
    await vi.waitFor(() => expect(newest("presence")?.data.hardware.gpus).toHaveLength(2), 25_000)
    expect(problems).toEqual([])
    await vi.waitFor(() => expect(newest("presence")?.data.gpu_feed.state).toBe("streaming"), 10_000)
    expect(newest("presence")?.data).toMatchObject({
      sidecar_version: VERSION,
      simulated: true,
      advertise_url: env.LLAMA_SWAP_URL,
      engine: { liveness: "connected" },
      gpu_feed: { source: "nvidia-smi", state: "streaming" },
    })
    expect(
      newest("live")?.data.sample.gpu?.map(({ state, mem_total_mib }) => [state, mem_total_mib]),
    ).toEqual([
      ["awake", 24_576],
      ["awake", 24_576],
    ])
    expect(newest("live")?.data.sample.sys?.mem_total_mib).toBeGreaterThan(100)
    expect(newest("perf")?.data.samples.length).toBeGreaterThan(0)

    const shown = await codeOf({ program, env, args: ["status"] })
    expect(shown).toMatchObject({ code: 0 })
    expect(shown.output).toContain("streaming from nvidia-smi")
    const checked = await codeOf({ program, env, args: ["doctor"] })
    expect(checked.output).toMatch(/ok {4}nats +connected, and may publish/)
    expect(checked.output).toContain("2 GPUs")
    expect(checked.code).toBe(0)
    const second = await codeOf({ program, env })
    expect(second).toMatchObject({ code: 1 })
    expect(second.output).toContain("another sidecar")

    const children = childrenOf(sidecar.pid)
    expect(children.length).toBeGreaterThan(0)
    sidecar.kill("SIGTERM")
    expect(await once(sidecar, "exit")).toEqual([0, null])
    expect(children.filter(isAlive)).toEqual([])
  }, 60_000)

  it("takes its nvidia-smi along when it is killed", async () => {
    const { env, newest } = await world()
    const sidecar = start({ env })
    await vi.waitFor(() => expect(newest("live")?.data.sample.gpu).toHaveLength(2), 20_000)
    const children = childrenOf(sidecar.pid)
    sidecar.kill("SIGKILL")
    await vi.waitFor(() => expect(children.filter(isAlive)).toEqual([]), 10_000)
  }, 40_000)

  it("ends when the launcher that holds its stdin is gone", async () => {
    const { env, kinds } = await world()
    const sidecar = start({ env: { ...env, BOO_LIFELINE: "1" } })
    await vi.waitFor(() => expect(kinds().has("presence")).toBe(true), 20_000)
    sidecar.stdin?.end()
    expect(await once(sidecar, "exit")).toEqual([0, null])
  }, 40_000)

  it("says that a card is lost, shows it so, and says that it is back", async () => {
    const { env, heard, newest, host } = await world()
    start({ env })
    await vi.waitFor(() => expect(newest("live")?.data.sample.gpu).toHaveLength(2), 20_000)
    host.control.gpu.misbehave("gpu-lost")
    await vi.waitFor(() => expect(newest("live")?.data.sample.gpu?.[0]?.state).toBe("lost"), 10_000)
    host.control.gpu.behave()
    await vi.waitFor(() => expect(newest("live")?.data.sample.gpu?.[0]?.state).toBe("awake"), 10_000)
    // Notes are written to the spool first, so they come a moment after the live reading.
    await vi.waitFor(() => {
      const notes = new Set(
        heard.flatMap((envelope) => (envelope.kind === "note" ? [envelope.data.note] : [])),
      )
      expect([...notes]).toEqual(expect.arrayContaining(["gpu_lost", "gpu_returned"]))
    }, 10_000)
  }, 60_000)
})

describe("a host without nvidia-smi", () => {
  it("shows the GPUs as llama-swap samples them, and says why", async () => {
    const { env, newest } = await world()
    start({ env: { ...env, NVIDIA_SMI: "/nowhere/nvidia-smi" } })
    await vi.waitFor(() => expect(newest("live")?.data.sample.source).toBe("llama-swap"), 30_000)
    // llama-swap loses a line of nvidia-smi now and then: then its sample has one card less.
    await vi.waitFor(() => expect(newest("live")?.data.sample.gpu).toHaveLength(2), 20_000)
    await vi.waitFor(() => expect(newest("presence")?.data.gpu_feed.source).toBe("llama-swap"), 10_000)
    expect(newest("presence")?.data.gpu_feed).toMatchObject({ state: "streaming" })
    expect(newest("presence")?.data.gpu_feed.reason).toContain("is not there")
  }, 60_000)
})

describe("the command line", () => {
  it("names every bad setting and ends with 2", async () => {
    const env = { BOO_HOST_ID: "NOT OK", BOO_SPOOL_MAX_MB: "-1" }
    const { code, output } = await codeOf({ env })
    expect(code).toBe(2)
    expect(output).toContain("BOO_HOST_ID=NOT OK is not valid")
    expect(output).toContain("BOO_SPOOL_MAX_MB=-1 is not valid")
  })

  it.each([
    [["frobnicate"], 2],
    [["--no-such-flag"], 2],
    [["enroll"], 2],
    [["enroll", "--hub", "nowhere", "--token", "x"], 2],
    [["install", "--dry-run"], 1],
    [["uninstall", "--dry-run"], 0],
    [["status"], 1],
    [["--version"], 0],
    [["--help"], 0],
  ])("%j ends with %i", async (args, code) => {
    const ended = await codeOf({ args, env: { BOO_SPOOL_DIR: freshFolder(), BOO_DATA_DIR: freshFolder() } })
    expect(ended.code).toBe(code)
    expect(ended.output).not.toBe("")
  })
})

describe("the bundle", () => {
  it("keeps what is hardly ever needed out of the resident file", async () => {
    const program = await buildSidecar(freshFolder())
    const resident = readFileSync(program, "utf8")
    expect(resident).toContain("boocontrol-sidecar")
    const strangers = ["nvidia_smi_log", "no hub answers", "YAMLParseError", "Win32_Processor", 'from"node:']
    expect(strangers.filter((stranger) => resident.includes(stranger))).toEqual([])
  })

  it("has the version of its package", () => {
    const manifest: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8"))
    expect(manifest).toMatchObject({ version: VERSION })
  })
})
