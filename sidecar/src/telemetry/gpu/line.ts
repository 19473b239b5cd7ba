import type { GpuSample } from "@boocontrol/shared/telemetry"
import type { Column, Field } from "./fields.ts"

/** What one line of nvidia-smi says. */
export type GpuLine =
  | { kind: "reading"; gpu: GpuSample; busId: string | null }
  /** The driver lost this card; its address where the line has one. */
  | { kind: "lost"; busId: string | null }
  /** nvidia-smi says that it cannot do its work at all. */
  | { kind: "failed"; reason: string }
  | { kind: "blank" }
  | { kind: "garbage" }

const LOST = /gpu is lost/i
const FAILED =
  /^(NVIDIA-SMI has failed|Failed to initialize NVML|No devices were found|Unable to determine|Field ".*" is not a valid|NVIDIA-SMI couldn't find)/i
const BUS_ID = /\b(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]\b/i
const NUMBER = /^-?\d+(?:\.\d+)?$/
const LONGEST_REASON = 200

export function readLine(line: string, fields: readonly Field[]): GpuLine {
  const text = line.trim()
  if (text === "") return { kind: "blank" }
  const cells = line.replace(/\r$/, "").split(", ")
  if (cells.length === fields.length) {
    const read = readCells(cells, fields)
    if (read) return read
  }
  if (LOST.test(text)) return { kind: "lost", busId: BUS_ID.exec(text)?.[0]?.toLowerCase() ?? null }
  if (FAILED.test(text)) return { kind: "failed", reason: text.slice(0, LONGEST_REASON) }
  return { kind: "garbage" }
}

function readCells(cells: readonly string[], fields: readonly Field[]): GpuLine | null {
  const text = new Map<Column, string>()
  let lost = false
  fields.forEach(({ column }, at) => {
    const cell = cells[at]?.trim() ?? ""
    lost ||= LOST.test(cell)
    text.set(column, cell)
  })
  const word = (column: Column, shape: RegExp) => {
    const cell = text.get(column)
    return cell !== undefined && shape.test(cell) ? cell : null
  }
  // `[N/A]`, `[Not Supported]`, `[Unknown Error]`, `ERR!` and whatever a later driver invents: not a number, no reading.
  const number = (column: Column) => {
    const cell = word(column, NUMBER)
    return cell === null ? null : Number(cell)
  }
  const index = number("index")
  if (index === null || !Number.isInteger(index) || index < 0) return null
  const gpu: GpuSample = {
    index,
    uuid: word("uuid", /^(GPU|MIG)-/),
    name: word("name", /^[^[\]]+$/),
    state: lost ? "lost" : "awake",
    util_pct: number("util_pct"),
    mem_busy_pct: number("mem_busy_pct"),
    mem_used_mib: number("mem_used_mib"),
    mem_total_mib: number("mem_total_mib"),
    temp_c: number("temp_c"),
    mem_temp_c: number("mem_temp_c"),
    power_w: number("power_w"),
    power_limit_w: number("power_limit_w"),
    clock_sm_mhz: number("clock_sm_mhz"),
    clock_mem_mhz: number("clock_mem_mhz"),
    fan_pct: number("fan_pct"),
    pstate: word("pstate", /^P\d+$/),
    throttle: word("throttle", /^0x[0-9a-f]+$/i),
  }
  return { kind: "reading", gpu, busId: word("bus_id", BUS_ID)?.toLowerCase() ?? null }
}

/** A card of which nothing can be read now: what it is stays known. */
export function withoutReadings(
  card: Pick<GpuSample, "index" | "uuid" | "name" | "mem_total_mib">,
  state: GpuSample["state"],
): GpuSample {
  return {
    index: card.index,
    uuid: card.uuid,
    name: card.name,
    state,
    util_pct: null,
    mem_busy_pct: null,
    mem_used_mib: null,
    mem_total_mib: card.mem_total_mib,
    temp_c: null,
    mem_temp_c: null,
    power_w: null,
    power_limit_w: null,
    clock_sm_mhz: null,
    clock_mem_mhz: null,
    fan_pct: null,
    pstate: null,
    throttle: null,
  }
}
