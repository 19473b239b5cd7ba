import type { Envelope } from "@boocontrol/shared/envelope"
import { BootId, HostId, InstanceId } from "@boocontrol/shared/ids"
import type { GpuSample, PerfSample, SysSample } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"

export const FIRST_BOOT = BootId.parse("0193a000-0000-4000-8000-0000000000b1")
export const SECOND_BOOT = BootId.parse("0193a000-0000-4000-8000-0000000000b2")

export function gpu(given: Partial<GpuSample> = {}): GpuSample {
  return {
    index: 0,
    uuid: "GPU-aaaa",
    name: "NVIDIA GeForce RTX 5090",
    state: "awake",
    util_pct: 40,
    mem_busy_pct: null,
    mem_used_mib: 12_000,
    mem_total_mib: 32_607,
    temp_c: 51,
    mem_temp_c: null,
    power_w: 180.25,
    power_limit_w: 575,
    clock_sm_mhz: 2_400,
    clock_mem_mhz: 14_001,
    fan_pct: 30,
    pstate: "P2",
    throttle: null,
    ...given,
  }
}

export function sys(given: Partial<SysSample> = {}): SysSample {
  return {
    cpu_pct: 12.5,
    load_1: 0.4,
    mem_used_mib: 9_000,
    mem_total_mib: 64_000,
    swap_used_mib: 0,
    swap_total_mib: 8_192,
    disk_used_mib: null,
    disk_total_mib: null,
    net_rx_bytes_per_s: 100,
    net_tx_bytes_per_s: 200,
    ...given,
  }
}

export function sample(atMs: number, given: Partial<PerfSample> = {}): PerfSample {
  return { ts: instantOf(atMs), gpu: [gpu()], sys: sys(), source: "nvidia-smi", ...given }
}

export interface MessageOf {
  host?: string
  boot?: BootId
  seq?: number
}

let lastSeq = 0

export function perfMessage(
  samples: PerfSample[],
  { host = "gpu-1", boot = FIRST_BOOT, seq }: MessageOf = {},
): Envelope<"perf"> {
  return {
    v: 1,
    host: HostId.parse(host),
    instance: InstanceId.parse("0193a000-0000-4000-8000-0000000000a0"),
    boot,
    seq: seq ?? ++lastSeq,
    at: instantOf(Date.UTC(2026, 10, 22, 8)),
    kind: "perf",
    data: { samples },
  }
}
