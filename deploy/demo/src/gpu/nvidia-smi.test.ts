import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { createInterface } from "node:readline"
import { afterEach, describe, expect, it } from "vitest"
import { type SimulatedHost, startSimulatedHost } from "../host.ts"
import { MISBEHAVIOURS } from "./nvidia-smi.ts"
import type { HostScenarioInput } from "../scenario.ts"

const running: SimulatedHost[] = []
const children: ChildProcess[] = []

afterEach(async () => {
  for (const child of children.splice(0)) child.kill()
  await Promise.all(running.splice(0).map((host) => host.stop()))
})

async function start(input: Partial<HostScenarioInput> = {}) {
  const host = await startSimulatedHost({
    host_id: "cards",
    gpus: ["rtx-5090", "h100-mig"],
    models: [{ id: "m", vram_mib: [12_000, 0] }],
    ready: ["m"],
    ...input,
  })
  running.push(host)
  return host
}

function run(host: SimulatedHost, ...args: string[]) {
  const { stdout, status } = spawnSync(host.nvidiaSmiPath, args, { encoding: "utf8", timeout: 30_000 })
  return { stdout, status, lines: stdout.split("\n").filter((line) => line !== "") }
}

const CSV = "--format=csv,noheader,nounits"

describe("the stand-in nvidia-smi", () => {
  it("prints one line per card, with and without heads and units", async () => {
    const host = await start()
    expect(run(host, "--query-gpu=index,name,memory.total,utilization.gpu", CSV).lines).toEqual([
      "0, NVIDIA GeForce RTX 5090, 32607, 0",
      "1, NVIDIA H100 80GB HBM3, 81559, [N/A]",
    ])
    expect(run(host, "--query-gpu=index,memory.used,fan.speed", "--format=csv").lines).toEqual([
      "index, memory.used [MiB], fan.speed [%]",
      "0, 12004 MiB, 0 %",
      "1, 4 MiB, [N/A]",
    ])
  })

  it("answers every field that its help names, and refuses the whole query for one it does not know", async () => {
    const host = await start()
    const help = run(host, "--help-query-gpu").stdout
    const names = [...help.matchAll(/^"([^"]+)"/gm)].map((match) => match[1] ?? "")
    expect(names.length).toBeGreaterThan(35)
    const all = run(host, `--query-gpu=${names.join(",")}`, CSV)
    expect(all.status).toBe(0)
    for (const line of all.lines) expect(line.split(", ").length).toBe(names.length)
    const refused = run(host, "--query-gpu=index,nonsense", CSV)
    expect([refused.status, refused.lines]).toEqual([2, ['Field "nonsense" is not a valid field to query.']])
  })

  it("knows fewer fields with an older driver", async () => {
    const host = await start({ driver: "470.256.02" })
    expect(run(host, "--query-gpu=power.draw.instant", CSV).status).toBe(2)
    expect(run(host, "--query-gpu=power.draw", CSV).status).toBe(0)
  })

  it("lists cards, instances and processes", async () => {
    const host = await start()
    expect(run(host, "-L").lines.filter((line) => line.includes("MIG 1g.10gb")).length).toBe(7)
    expect(run(host, "--query-compute-apps=pid,process_name,used_memory", CSV).lines).toEqual([
      expect.stringMatching(/^\d+, \/opt\/llama\.cpp\/llama-server, 12000$/),
    ])
    expect(run(host, "--version").stdout).toContain("DRIVER version      : 580.95")
    const xml = run(host, "-q", "-x").stdout
    expect(xml.match(/<gpu id=/g)?.length).toBe(2)
    expect(xml.match(/<mig_device>/g)?.length).toBe(7)
    expect(xml).toContain("<used_memory>12000 MiB</used_memory>")
  })

  it("hides process names and memory on Windows", async () => {
    const host = await start({ os: "windows" })
    expect(run(host, "--query-compute-apps=process_name,used_memory", CSV).lines).toEqual([
      "[Insufficient Permissions], [N/A]",
    ])
  })

  it("streams from one process and follows what happens to the host", async () => {
    const host = await start({ gpus: ["rtx-5090"] })
    const child = spawn(host.nvidiaSmiPath, ["--query-gpu=memory.used", CSV, "-lms", "20"])
    children.push(child)
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe("12004")
    host.control.setModelState("m", "stopped")
    host.control.gpu.step()
    let line: string
    do line = (await lines.next()).value ?? "ended"
    while (line === "12004")
    expect(line).toBe("4")
  })

  it("exits after so many lines where it is told to", async () => {
    const host = await start({ gpus: ["rtx-5090"] })
    host.control.gpu.misbehave("exit", { afterLines: 3 })
    const { lines, status } = run(host, "--query-gpu=index", CSV, "-lms", "10")
    expect([lines, status]).toEqual([["0", "0", "0"], 1])
  })

  it.each(MISBEHAVIOURS.filter((kind) => kind !== "hang" && kind !== "exit"))(
    "can misbehave: %s",
    async (kind) => {
      const host = await start()
      host.control.gpu.misbehave(kind)
      const { stdout, status } = run(host, "--query-gpu=index,power.draw,temperature.gpu", CSV)
      const expected = {
        "not-available": [/^0, \[N\/A\], \[N\/A\]\n/, 0],
        err: [/^0, ERR!, ERR!\n/, 0],
        garbage: [/%PDF/, 0],
        "gpu-lost": [/GPU is lost/, 0],
        "no-driver": [/couldn't communicate with the NVIDIA driver/, 9],
      } as const
      expect(stdout).toMatch(expected[kind][0])
      expect(status).toBe(expected[kind][1])
      host.control.gpu.behave()
      expect(run(host, "--query-gpu=index", CSV).lines).toEqual(["0", "1"])
    },
  )

  it("can hang without a word", async () => {
    const host = await start()
    host.control.gpu.misbehave("hang")
    const child = spawnSync(host.nvidiaSmiPath, ["--query-gpu=index", CSV], {
      encoding: "utf8",
      timeout: 400,
    })
    expect([child.stdout, child.signal]).toEqual(["", "SIGTERM"])
  })
})
