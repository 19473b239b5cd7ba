import { gpuKind } from "../gpu/kinds.ts"
import type { HostScenario } from "../scenario.ts"
import { rfc3339 } from "../timestamp.ts"

const MIB = 1024 * 1024

/** GET /api/hardware: taken once when the process starts, so its time serves as a boot id. */
export function hardwareOf(scenario: HostScenario, capturedAt: number) {
  const windows = scenario.os === "windows"
  return {
    schema_version: 1,
    captured_at: rfc3339(capturedAt, 0, "nanoseconds"),
    capture: {
      scope: "inference_host",
      method: "detected",
      detector: { name: "llama-swap", version: scenario.version },
    },
    architecture: { name: "x86_64", raw_name: "amd64" },
    operating_system: windows
      ? {
          family: "windows",
          name: "Microsoft Windows 11 Pro",
          version: "10.0.26200 Build 26200",
          kernel: "10.0.26200",
        }
      : { family: "linux", name: "debian", version: "13.2", kernel: "6.12.48+deb13-amd64" },
    environment: { kind: "native", name: null, version: null },
    cpu: {
      vendor: scenario.cpu.startsWith("AMD") ? "AuthenticAMD" : "GenuineIntel",
      model: scenario.cpu,
      socket_count: 1,
      physical_core_count: Math.max(1, Math.floor(scenario.cores / 2)),
      logical_thread_count: scenario.cores,
    },
    memory: { capacity_bytes: Math.round(scenario.memory_gib * 1024) * MIB },
    accelerators: scenario.gpus.map((name, index) => {
      const kind = gpuKind(name)
      return {
        index,
        kind: "gpu",
        vendor: "NVIDIA",
        model: kind.name,
        architecture: kind.architecture,
        memory: { kind: "dedicated", capacity_bytes: kind.memoryMib * MIB },
        driver: { name: "nvidia", version: scenario.driver },
        power_limit_watts: kind.powerLimitW,
      }
    }),
  }
}
