import type { HostAction } from "@boocontrol/shared/actions"
import { ActivityRow } from "@boocontrol/shared/activity"
import { FleetHost } from "@boocontrol/shared/fleet"
import type { FleetModel } from "@boocontrol/shared/fleet"
import { HostId, HubId } from "@boocontrol/shared/ids"
import { LeaseId } from "@boocontrol/shared/leases"
import type { HostLease } from "@boocontrol/shared/leases"
import { GpuSample, PerfSample } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"

/** Noon, so that no test depends on the day it runs. */
export const NOW = Date.parse("2026-11-22T12:00:00.000Z")
export const HUB_ID = HubId.parse("00000000-0000-4000-8000-00000000b001")

export function aModel(given: Partial<FleetModel> & { id: string }): FleetModel {
  return {
    name: null,
    description: null,
    aliases: [],
    state: "stopped",
    state_since: null,
    error: null,
    ttl_s: 900,
    expires_at: null,
    context_length: 32_768,
    quant: "Q4_K_M",
    load_ms_typical: null,
    vram_mib: null,
    vram_basis: null,
    unlisted: false,
    peer: null,
    capabilities: [],
    favorite: false,
    hidden: false,
    ...given,
  }
}

export function aHost(given: Record<string, unknown> = {}): FleetHost {
  return FleetHost.parse({
    provider_id: "box",
    display_name: "box",
    os: "linux",
    gpu_label: null,
    tags: [],
    enabled: true,
    simulated: false,
    liveness: "connected",
    last_seen_at: instantOf(NOW),
    liveness_since: instantOf(NOW - 60_000),
    sidecar_version: "0.1.0",
    engine_version: "v240",
    engine_era: "activity",
    engine_lacks: [],
    advertise_url: null,
    problem: null,
    twin: null,
    hardware: {
      os_family: "linux",
      os_name: "Debian 12",
      cpu_model: "cpu",
      cpu_threads: 8,
      memory_total_mib: 32_768,
      gpus: [],
    },
    gpus: [
      {
        index: 0,
        uuid: null,
        name: "NVIDIA GeForce RTX 3090",
        memory_total_mib: 24_576,
        power_limit_w: 350,
        driver: null,
      },
    ],
    gpu_feed: { source: "nvidia-smi", state: "streaming", reason: null },
    models: [],
    inflight: [],
    inflight_total: 0,
    actions: [],
    lease: null,
    spool: { depth: 0, bytes: 0, oldest_at: null, dropped: 0 },
    rates: null,
    rejected: null,
    sample: null,
    ...given,
  })
}

export function aGpu(given: Partial<GpuSample> = {}): GpuSample {
  return GpuSample.parse({
    index: 0,
    uuid: null,
    name: null,
    state: "awake",
    util_pct: 50,
    mem_busy_pct: null,
    mem_used_mib: 10_240,
    mem_total_mib: 24_576,
    temp_c: 60,
    mem_temp_c: null,
    power_w: 200,
    power_limit_w: 350,
    clock_sm_mhz: null,
    clock_mem_mhz: null,
    fan_pct: null,
    pstate: null,
    throttle: null,
    ...given,
  })
}

export function aSample(ms: number, gpus: readonly GpuSample[] | null = [aGpu()]): PerfSample {
  return PerfSample.parse({ ts: instantOf(ms), gpu: gpus, sys: null, source: "nvidia-smi" })
}

export function aRow(n: number, given: Partial<ActivityRow> = {}): ActivityRow {
  return ActivityRow.parse({
    id: `01930000-0000-7000-8000-${String(n).padStart(12, "0")}`,
    provider_id: "box",
    swap_epoch: "0b5f3c1e-0000-4000-8000-000000000001",
    swap_entry_id: n,
    ts: instantOf(NOW - 1_000_000 + n * 1000),
    model: "qwen3-8b",
    req_path: "/v1/chat/completions",
    status_code: 200,
    duration_ms: 1200,
    cache_tokens: 100,
    input_tokens: 50,
    prompt_tokens: 150,
    uncached_tokens: 50,
    token_basis: "timings",
    output_tokens: 80,
    prompt_tps: 900,
    gen_tps: 44.5,
    draft_tokens: null,
    draft_accepted: null,
    error: null,
    has_capture: false,
    source: "boochat",
    request_id: null,
    client_ip: null,
    user_agent: null,
    session_id: null,
    attribution: null,
    ...given,
  })
}

export function snapshotOf(hosts: readonly FleetHost[], seq = 10): unknown {
  const seqs = Object.fromEntries(hosts.map((host) => [host.provider_id, seq]))
  return { type: "control_fleet", kind: "snapshot", hub_id: HUB_ID, at: instantOf(NOW), hosts, seqs }
}

export function deltaOf(host: FleetHost, seq: number, patch: Partial<FleetHost>): unknown {
  const at = instantOf(NOW)
  return { type: "control_fleet", kind: "delta", provider_id: host.provider_id, seq, at, patch }
}

export function aLease(given: Partial<HostLease> = {}): HostLease {
  return {
    lease_id: LeaseId.parse("00000000-0000-4000-8000-0000000000a1"),
    ...{ holder: "nightly", purpose: "speed bench", mode: "exclusive", state: "held" },
    ...{ granted_at: instantOf(NOW), expires_at: instantOf(NOW + 60_000), holders: 1, waiting: 0 },
    ...given,
  }
}

export function anAction(given: Partial<HostAction> = {}): HostAction {
  return {
    ...{
      action_id: "00000000-0000-4000-8000-0000000000c1",
      provider_id: HostId.parse("box"),
      action: "warm",
    },
    ...{
      model: "qwen3-8b",
      profile: null,
      inflight_id: null,
      actor: "local",
      state: "waiting",
      reason: null,
    },
    ...{ took_ms: null, created_at: instantOf(NOW), started_at: null, ended_at: null },
    ...given,
  }
}
