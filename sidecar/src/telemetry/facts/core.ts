import * as z from "zod/mini"
import type { GpuInventory } from "@boocontrol/shared/hosts"
import type { GpuProcess } from "@boocontrol/shared/telemetry"

/** Slow facts about the cards, read once a minute. */
export interface GpuFacts {
  gpus: GpuInventory[]
  processes: GpuProcess[]
}

// Every value of the XML is a string with its unit, one item is an object and several are an array, and an empty
// list is text.
const text = z.optional(z.unknown())
const group = z.catch(z.record(z.string(), z.unknown()), {})
const Log = z.object({
  nvidia_smi_log: z.object({ driver_version: text, gpu: z.optional(z.unknown()) }),
})
const Gpu = z.object({
  uuid: text,
  product_name: text,
  fb_memory_usage: z.optional(group),
  gpu_power_readings: z.optional(group),
  power_readings: z.optional(group),
  processes: z.optional(group),
})
const Process = z.object({ pid: text, process_name: text, used_memory: text })

/** Reads what node-nvidia-smi made of `nvidia-smi -q -x`; null where it is no such report. */
export function readGpuFacts(report: unknown): GpuFacts | null {
  const log = Log.safeParse(report)
  if (!log.success) return null
  const { driver_version, gpu } = log.data.nvidia_smi_log
  const cards = listOf(gpu, Gpu)
  const driver = wordOf(driver_version)
  return {
    gpus: cards.map((card, index) => ({
      index,
      uuid: wordOf(card.uuid),
      name: wordOf(card.product_name),
      memory_total_mib: numberOf(card.fb_memory_usage?.["total"]),
      power_limit_w: powerLimit(card),
      driver,
    })),
    processes: cards.flatMap((card) =>
      listOf(card.processes?.["process_info"], Process).flatMap((one) => processOf(one, wordOf(card.uuid))),
    ),
  }
}

function powerLimit(card: z.infer<typeof Gpu>): number | null {
  const readings = card.gpu_power_readings ?? card.power_readings
  for (const name of ["current_power_limit", "enforced_power_limit", "power_limit"]) {
    const watts = numberOf(readings?.[name])
    if (watts !== null) return watts
  }
  return null
}

function processOf(one: z.infer<typeof Process>, gpuUuid: string | null): GpuProcess[] {
  const pid = numberOf(one.pid)
  if (pid === null || !Number.isInteger(pid)) return []
  return [
    {
      gpu_uuid: gpuUuid,
      pid,
      name: wordOf(one.process_name),
      used_mib: numberOf(one.used_memory),
      model: null,
    },
  ]
}

function listOf<T>(value: unknown, schema: z.ZodMiniType<T>): T[] {
  const items: unknown[] = Array.isArray(value) ? value : [value]
  return items.flatMap((item) => {
    const parsed = schema.safeParse(item)
    return parsed.success ? [parsed.data] : []
  })
}

function wordOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" && !/^(N\/A|\[.*\]|ERR!)$/.test(value) ? value : null
}

/** `32607 MiB` is 32607; `N/A` is nothing. */
function numberOf(value: unknown): number | null {
  const digits = typeof value === "string" ? /^(-?\d+(?:\.\d+)?)(?: [A-Za-z]+)?$/.exec(value)?.[1] : undefined
  return digits === undefined ? null : Number(digits)
}
