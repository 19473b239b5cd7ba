import type { Hardware } from "@boocontrol/shared/hosts"
import type { HardwareReply } from "./shapes.ts"

const MIB = 1024 * 1024

/** The engine's own snapshot of its machine. It gives no GPU UUID, and its order need not be nvidia-smi's. */
export function hardwareOf(reply: HardwareReply): Hardware {
  const os = reply.operating_system
  return {
    os_family: os?.family ?? null,
    os_name: [os?.name, os?.version].filter(Boolean).join(" ") || null,
    cpu_model: reply.cpu?.model ?? null,
    cpu_threads: reply.cpu?.logical_thread_count ?? null,
    memory_total_mib: mib(reply.memory?.capacity_bytes),
    gpus: (reply.accelerators ?? []).map((gpu) => ({
      index: gpu.index,
      uuid: null,
      name: gpu.model ?? null,
      memory_total_mib: mib(gpu.memory?.capacity_bytes),
      power_limit_w: gpu.power_limit_watts ?? null,
      driver: gpu.driver?.version ?? null,
    })),
  }
}

function mib(bytes: number | null | undefined): number | null {
  return bytes === null || bytes === undefined ? null : Math.round(bytes / MIB)
}
