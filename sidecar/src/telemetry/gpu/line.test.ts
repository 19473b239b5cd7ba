import { describe, expect, it } from "vitest"
import { COLUMNS, fieldsFrom, WANTED } from "./fields.ts"
import type { Field } from "./fields.ts"
import { readLine } from "./line.ts"

const FIELDS: Field[] = COLUMNS.map((column) => ({ column, name: WANTED[column][0] }))
const RTX =
  "0, 00000000:01:00.0, GPU-c09f1d6a, NVIDIA GeForce RTX 5090, 97, 41, 29120, 32607, 64, 78, 431.20, 575.00, 2610, 14001, 55, P1, 0x0000000000000004"

function cells(changes: Partial<Record<(typeof COLUMNS)[number], string>>): string {
  return RTX.split(", ")
    .map((cell, at) => changes[COLUMNS[at] ?? "index"] ?? cell)
    .join(", ")
}

describe("a line of nvidia-smi", () => {
  it("is read with its units known", () => {
    expect(readLine(RTX, FIELDS)).toEqual({
      kind: "reading",
      busId: "00000000:01:00.0",
      gpu: {
        index: 0,
        uuid: "GPU-c09f1d6a",
        name: "NVIDIA GeForce RTX 5090",
        state: "awake",
        util_pct: 97,
        mem_busy_pct: 41,
        mem_used_mib: 29120,
        mem_total_mib: 32607,
        temp_c: 64,
        mem_temp_c: 78,
        power_w: 431.2,
        power_limit_w: 575,
        clock_sm_mhz: 2610,
        clock_mem_mhz: 14001,
        fan_pct: 55,
        pstate: "P1",
        throttle: "0x0000000000000004",
      },
    })
  })

  it.each([
    "[N/A]",
    "[Not Supported]",
    "[Unknown Error]",
    "N/A",
    "ERR!",
    "",
    "12 W",
    "nan",
    "[Insufficient Permissions]",
  ])("has no reading where it says %j, and keeps the others", (missing) => {
    const line = readLine(
      cells({ power_w: missing, fan_pct: missing, pstate: missing, throttle: missing }),
      FIELDS,
    )
    expect(line).toMatchObject({
      kind: "reading",
      gpu: { power_w: null, fan_pct: null, pstate: null, throttle: null, temp_c: 64, state: "awake" },
    })
  })

  it("keeps a real zero", () => {
    expect(readLine(cells({ util_pct: "0", fan_pct: "0" }), FIELDS)).toMatchObject({
      gpu: { util_pct: 0, fan_pct: 0 },
    })
  })

  it("knows a lost card by its cells", () => {
    const line = readLine(cells({ util_pct: "[GPU is lost]", temp_c: "[GPU is lost]" }), FIELDS)
    expect(line).toMatchObject({ kind: "reading", gpu: { state: "lost", util_pct: null, index: 0 } })
  })

  it.each([
    [
      "Unable to determine the device handle for GPU0: 00000000:01:00.0: GPU is lost.  Reboot the system",
      "00000000:01:00.0",
    ],
    ["Unable to determine the device handle for GPU 0000:0A:00.0: GPU is lost. Reboot", "0000:0a:00.0"],
    ["GPU is lost.", null],
  ])("knows a lost card by the message %j", (text, busId) => {
    expect(readLine(text, FIELDS)).toEqual({ kind: "lost", busId })
  })

  it.each([
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that",
    "No devices were found",
    "Failed to initialize NVML: Driver/library version mismatch",
    'Field "bogus" is not a valid field to query.',
  ])("knows that nvidia-smi cannot work: %j", (text) => {
    expect(readLine(text, FIELDS).kind).toBe("failed")
  })

  it.each([
    '\u0000\u00ff%PDF-1.4 {"not":"csv"},,,,',
    "0, 1, 2",
    `${RTX}, 7`,
    cells({ index: "[N/A]" }),
    cells({ index: "-1" }),
    cells({ index: "1.5" }),
  ])("refuses garbage: %j", (text) => {
    expect(readLine(text, FIELDS).kind).toBe("garbage")
  })

  it("passes over an empty line", () => {
    expect(readLine("  \r", FIELDS).kind).toBe("blank")
  })
})

describe("the fields a driver knows", () => {
  const help = (names: string[]) =>
    `List of valid properties:\n\n${names.map((name) => `"${name}"\ntext\n`).join("\n")}`

  it("takes what is listed and nothing else", () => {
    expect(fieldsFrom(help(["index", "memory.used", "bogus.field"]))).toEqual([
      { column: "index", name: "index" },
      { column: "mem_used_mib", name: "memory.used" },
    ])
  })

  it("takes the newer name where a driver has both, and the older where it has not", () => {
    const of = (text: string) => fieldsFrom(text)?.find(({ column }) => column === "throttle")?.name
    const both = `"index"\n"memory.used"\n"clocks_event_reasons.active" or "clocks_throttle_reasons.active"\n`
    expect(of(both)).toBe("clocks_event_reasons.active")
    expect(of(help(["index", "memory.used", "clocks_throttle_reasons.active"]))).toBe(
      "clocks_throttle_reasons.active",
    )
  })

  it.each(["", "NVIDIA-SMI has failed", help(["index"])])(
    "is nothing without index and memory: %j",
    (text) => {
      expect(fieldsFrom(text)).toBeNull()
    },
  )
})
