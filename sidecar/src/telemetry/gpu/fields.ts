/** What is asked of nvidia-smi. Drivers renamed some fields: the first known name wins. */
export const WANTED = {
  index: ["index"],
  bus_id: ["pci.bus_id", "gpu_bus_id"],
  uuid: ["uuid", "gpu_uuid"],
  name: ["name", "gpu_name"],
  util_pct: ["utilization.gpu"],
  mem_busy_pct: ["utilization.memory"],
  mem_used_mib: ["memory.used"],
  mem_total_mib: ["memory.total"],
  temp_c: ["temperature.gpu"],
  mem_temp_c: ["temperature.memory"],
  power_w: ["power.draw"],
  power_limit_w: ["enforced.power.limit", "power.limit"],
  clock_sm_mhz: ["clocks.current.sm", "clocks.sm"],
  clock_mem_mhz: ["clocks.current.memory", "clocks.mem"],
  fan_pct: ["fan.speed"],
  pstate: ["pstate"],
  throttle: ["clocks_event_reasons.active", "clocks_throttle_reasons.active"],
} as const satisfies Record<string, readonly string[]>

export type Column = keyof typeof WANTED
export const COLUMNS = Object.keys(WANTED) as Column[]

/** A column of the CSV that will come, and the name nvidia-smi has for it. */
export interface Field {
  column: Column
  name: string
}

/** Without these there is nothing to group by and nothing to show. */
const NEEDED: readonly Column[] = ["index", "mem_used_mib"]

/**
 * The fields this driver knows, from `--help-query-gpu`. One unknown field fails the whole query, so nothing is
 * asked that is not listed there. Null where the text is no such list.
 */
export function fieldsFrom(help: string): Field[] | null {
  const known = new Set(Array.from(help.matchAll(/"([a-z0-9_.]+)"/gi), ([, name]) => name ?? ""))
  const fields = COLUMNS.flatMap((column) => {
    const name = WANTED[column].find((candidate: string) => known.has(candidate))
    return name === undefined ? [] : [{ column, name }]
  })
  return NEEDED.every((column) => fields.some((field) => field.column === column)) ? fields : null
}
