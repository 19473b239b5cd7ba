import { chmodSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { childEnvironment } from "../../config.ts"
import { systemClock } from "../../platform/clock.ts"
import { readGpuFacts } from "./core.ts"
import { facts } from "./run.ts"

const GPU = `<gpu id="00000000:01:00.0"><product_name>NVIDIA GeForce RTX 5090</product_name><uuid>GPU-a</uuid>
<fb_memory_usage><total>32607 MiB</total><used>100 MiB</used></fb_memory_usage>
<gpu_power_readings><current_power_limit>575.00 W</current_power_limit></gpu_power_readings>
<processes><process_info><pid>4242</pid><type>C</type><process_name>llama-server</process_name><used_memory>19100 MiB</used_memory></process_info></processes></gpu>`
const report = (gpus: string) =>
  `<?xml version="1.0" ?><nvidia_smi_log><driver_version>581.57</driver_version>${gpus}</nvidia_smi_log>`

function smiThatPrints(text: string, more = ""): string {
  const folder = mkdtempSync(join(tmpdir(), "boocontrol-facts-"))
  writeFileSync(join(folder, "xml"), text)
  const program = join(folder, "my-smi")
  writeFileSync(program, `#!/bin/sh\n[ "$*" = "-q -x" ] || exit 7\n${more}\ncat '${folder}/xml'\n`)
  chmodSync(program, 0o755)
  return program
}

function factsOf(nvidiaSmi: string) {
  const folder = mkdtempSync(join(tmpdir(), "boocontrol-facts-"))
  return facts({ nvidiaSmi, clock: systemClock(), folder, environment: childEnvironment })
}

describe("slow facts from a process of their own", () => {
  it("reads one card and its process with the configured program, warnings on stderr or not", async () => {
    const reply = await factsOf(smiThatPrints(report(GPU), "echo 'a warning' >&2")).ask("gpus")
    expect(reply).toEqual({
      kind: "gpus",
      gpus: [
        {
          index: 0,
          uuid: "GPU-a",
          name: "NVIDIA GeForce RTX 5090",
          memory_total_mib: 32607,
          power_limit_w: 575,
          driver: "581.57",
        },
      ],
      processes: [{ gpu_uuid: "GPU-a", pid: 4242, name: "llama-server", used_mib: 19100, model: null }],
    })
  })

  it("reads several cards", async () => {
    const reply = await factsOf(smiThatPrints(report(GPU + GPU.replaceAll("GPU-a", "GPU-b")))).ask("gpus")
    expect(reply.kind === "gpus" && reply.gpus.map(({ index, uuid }) => [index, uuid])).toEqual([
      [0, "GPU-a"],
      [1, "GPU-b"],
    ])
  })

  it.each([
    ["prints half a report", '<nvidia_smi_log><gpu id="', ""],
    ["prints nothing", "", ""],
    ["fails", "", "exit 9"],
  ])("says that it failed where nvidia-smi %s", async (_, text, more) => {
    expect((await factsOf(smiThatPrints(text, more)).ask("gpus")).kind).toBe("failed")
  })

  it("says that nvidia-smi is not there", async () => {
    const reply = await factsOf("/nowhere/nvidia-smi").ask("gpus")
    expect(reply).toEqual({ kind: "failed", reason: "/nowhere/nvidia-smi is not there" })
  })

  it("knows the machine", async () => {
    const reply = await factsOf("/nowhere/nvidia-smi").ask("machine")
    expect(reply.kind === "machine" && (reply.machine.memory_total_mib ?? 0) > 100).toBe(true)
  })
})

describe("a report as objects", () => {
  it("has no reading where the driver says N/A", () => {
    const found = readGpuFacts({
      nvidia_smi_log: {
        gpu: {
          uuid: "GPU-a",
          product_name: "N/A",
          fb_memory_usage: { total: "N/A" },
          processes: { process_info: [{ pid: "7", process_name: "N/A", used_memory: "N/A" }, { pid: "x" }] },
        },
      },
    })
    expect(found?.gpus[0]).toMatchObject({
      name: null,
      memory_total_mib: null,
      power_limit_w: null,
      driver: null,
    })
    expect(found?.processes).toEqual([{ gpu_uuid: "GPU-a", pid: 7, name: null, used_mib: null, model: null }])
  })

  it.each([undefined, null, "text", { other: 1 }])("is none: %j", (value) => {
    expect(readGpuFacts(value)).toBeNull()
  })

  it("may hold no cards", () => {
    expect(readGpuFacts({ nvidia_smi_log: { processes: "" } })).toEqual({ gpus: [], processes: [] })
  })
})
