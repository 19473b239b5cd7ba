import { FleetHost } from "@boocontrol/shared/fleet"
import type { FleetModel } from "@boocontrol/shared/fleet"
import { PerfSample } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"

/** An invented fleet that shows every state a card can be in. Nothing here is measured. */
export interface World {
  readonly hosts: FleetHost[]
  /** Makes the sample of one host at one moment; null where it has none. */
  readonly sampleAt: (host: FleetHost, ms: number) => PerfSample | null
}

interface Gpu {
  name: string
  mib: number
  watts: number
}
const RTX5090: Gpu = { name: "NVIDIA GeForce RTX 5090", mib: 32_607, watts: 575 }
const RTX3090: Gpu = { name: "NVIDIA GeForce RTX 3090", mib: 24_576, watts: 350 }
const P104: Gpu = { name: "NVIDIA P104-100", mib: 8192, watts: 180 }
const P40: Gpu = { name: "NVIDIA Tesla P40", mib: 24_576, watts: 250 }
const H100: Gpu = { name: "NVIDIA H100 80GB HBM3", mib: 81_559, watts: 700 }

type ModelGiven = Partial<FleetModel> & { id: string }

export function modelOf(given: ModelGiven): unknown {
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
    load_ms_typical: 9000,
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

export function hostOf(
  id: string,
  nowMs: number,
  given: Record<string, unknown> & { cards?: Gpu[] },
): FleetHost {
  const { cards = [], ...rest } = given
  const gpus = cards.map((card, index) => ({
    index,
    uuid: `GPU-${id}-${index}`,
    name: card.name,
    memory_total_mib: card.mib,
    power_limit_w: card.watts,
    driver: "575.57",
  }))
  return FleetHost.parse({
    provider_id: id,
    display_name: id,
    os: "linux",
    gpu_label: null,
    tags: id.length % 2 === 0 ? ["lab"] : [],
    enabled: true,
    simulated: false,
    liveness: "connected",
    last_seen_at: instantOf(nowMs),
    liveness_since: instantOf(nowMs - 3_600_000),
    sidecar_version: "0.1.0",
    engine_version: "v240",
    engine_era: "activity",
    engine_lacks: [],
    advertise_url: `http://${id}:8080`,
    problem: null,
    twin: null,
    hardware: {
      os_family: "linux",
      os_name: "Debian 12",
      cpu_model: "AMD Ryzen 9 9950X",
      cpu_threads: 32,
      memory_total_mib: 65_536,
      gpus,
    },
    gpus,
    gpu_feed: { source: "nvidia-smi", state: "streaming", reason: null },
    models: [],
    inflight: [],
    inflight_total: 0,
    actions: [],
    lease: null,
    spool: { depth: 0, bytes: 0, oldest_at: null, dropped: 0 },
    rates: { requests_per_min: 12, errors_per_min: 0, swaps_1h: 2, swap_ms_1h: 41_000 },
    rejected: null,
    sample: null,
    ...rest,
  })
}

export function inflightOf(model: string, phases: ("waiting" | "answering")[], nowMs: number): unknown[] {
  return phases.map((phase, index) => ({
    id: `${model}-${index}`,
    started_at: instantOf(nowMs - 2000 * (index + 1)),
    model,
    req_path: "/v1/chat/completions",
    method: "POST",
    phase,
    resp_bytes: null,
    headers: {},
    source: "boocoder",
    request_id: null,
    client_ip: null,
    user_agent: null,
    session_id: null,
  }))
}

export function everyState(nowMs: number): FleetHost[] {
  const ready = (minutes: number) => ({
    state: "ready" as const,
    state_since: instantOf(nowMs - 600_000),
    expires_at: instantOf(nowMs + minutes * 60_000),
  })
  return [
    hostOf("sam-desktop", nowMs, {
      os: "windows",
      gpu_label: "RTX 5090 32 GB",
      cards: [RTX5090],
      models: [
        modelOf({
          id: "qwen3-coder-30b",
          quant: "Q5_K_M",
          context_length: 65_536,
          vram_mib: 18_900,
          favorite: true,
          ...ready(12),
          expires_at: null,
        }),
        modelOf({ id: "gemma3-12b", context_length: 16_384, vram_mib: 8100, ...ready(2) }),
        modelOf({ id: "glm-4.6-air", quant: "IQ3_XS", vram_mib: 30_000 }),
        modelOf({ id: "embed-4b", quant: "F16", context_length: 8192, vram_mib: 3900 }),
        modelOf({ id: "old-experiment", hidden: true }),
      ],
      inflight: inflightOf("qwen3-coder-30b", ["answering", "answering", "waiting"], nowMs),
      inflight_total: 3,
    }),
    hostOf("rack-01", nowMs, {
      gpu_label: "2 × RTX 3090 24 GB",
      cards: [RTX3090, RTX3090],
      lease: {
        ...{
          lease_id: "00000000-0000-4000-8000-0000000000b1",
          holder: "bench",
          purpose: "speed bench",
          mode: "exclusive",
          state: "held",
        },
        ...{ granted_at: instantOf(nowMs - 60_000), expires_at: instantOf(nowMs + 252_000) },
        ...{ holders: 1, waiting: 0 },
      },
      models: [
        modelOf({ id: "llama-3.3-70b", vram_mib: 40_600, ...ready(9), ttl_s: 0, expires_at: null }),
        modelOf({ id: "qwen2.5-vl-32b", quant: "Q5_K_S", context_length: 16_384, vram_mib: 24_000 }),
      ],
      inflight: inflightOf(
        "llama-3.3-70b",
        Array.from({ length: 10 }, () => "answering" as const),
        nowMs,
      ),
    }),
    hostOf("embedding", nowMs, {
      gpu_label: "P104-100 8 GB",
      cards: [P104],
      models: [
        modelOf({ id: "bge-m3", quant: "F16", context_length: 8192, vram_mib: 1150, ...ready(9) }),
        modelOf({
          id: "qwen3-4b",
          context_length: 16_384,
          state: "starting",
          state_since: instantOf(nowMs - 6000),
        }),
      ],
      inflight: [
        ...inflightOf("bge-m3", ["answering"], nowMs),
        ...inflightOf("qwen3-4b", ["waiting", "waiting"], nowMs),
      ],
    }),
    hostOf("garage-p40", nowMs, {
      gpu_label: "Tesla P40 24 GB",
      cards: [P40],
      liveness: "down",
      last_seen_at: instantOf(nowMs - 14 * 60_000),
      models: [modelOf({ id: "mistral-small-24b", quant: "Q6_K", state: null })],
      inflight: null,
      rates: null,
    }),
    hostOf("wrong-key", nowMs, {
      cards: [RTX3090],
      liveness: "reconnecting",
      problem: {
        code: "ENGINE_KEY_REFUSED",
        message: "llama-swap refuses the API key: set LLAMA_SWAP_API_KEY",
        since: instantOf(nowMs - 300_000),
      },
      models: [modelOf({ id: "qwen3-8b", state: null })],
    }),
    hostOf("twins", nowMs, {
      cards: [H100, H100, H100, H100, H100, H100, H100, H100],
      twin: { instance: "6f0c2f3e-1111-4c1c-9d5e-000000000001", at: instantOf(nowMs - 60_000) },
      rejected: { count: 3, reason: "data.models.0.state: invalid value", at: instantOf(nowMs - 30_000) },
      models: [
        modelOf({
          id: "deepseek-v3.2",
          quant: "FP8",
          context_length: 131_072,
          vram_mib: 420_000,
          ...ready(30),
        }),
        ...Array.from({ length: 9 }, (_, index) =>
          modelOf({ id: `spare-${index + 1}b`, vram_mib: 9000 + index * 4000 }),
        ),
      ],
    }),
    hostOf("broken-load", nowMs, {
      cards: [RTX3090],
      models: [
        modelOf({
          id: "too-big-120b",
          state: "error",
          error: "exited with code 1: CUDA out of memory",
          state_since: instantOf(nowMs - 90_000),
        }),
        modelOf({ id: "qwen3-8b", vram_mib: 6200, state: "stopping", state_since: instantOf(nowMs - 1000) }),
      ],
    }),
    hostOf("asleep", nowMs, {
      cards: [RTX3090],
      gpu_feed: { source: "nvidia-smi", state: "asleep", reason: "suspended by the driver" },
      models: [modelOf({ id: "qwen3-8b", vram_mib: 6200 })],
      rates: { requests_per_min: 0, errors_per_min: 0, swaps_1h: 0, swap_ms_1h: 0 },
    }),
    hostOf("no-gpu", nowMs, {
      gpu_feed: { source: null, state: "unavailable", reason: "nvidia-smi was not found" },
      models: [modelOf({ id: "smollm2-135m", quant: "Q8_0", context_length: 2048, ...ready(4) })],
    }),
    hostOf("never-seen", nowMs, {
      os: null,
      liveness: "down",
      last_seen_at: null,
      liveness_since: null,
      sidecar_version: null,
      hardware: null,
      spool: null,
      rates: null,
      gpu_feed: null,
    }),
    hostOf("retired", nowMs, {
      enabled: false,
      cards: [P40],
      liveness: "down",
      last_seen_at: instantOf(nowMs - 30 * 86_400_000),
      models: [modelOf({ id: "llama-2-13b", state: null })],
      rates: null,
    }),
    hostOf("demo-lab", nowMs, {
      simulated: true,
      cards: [RTX3090],
      spool: { depth: 1204, bytes: 900_000, oldest_at: instantOf(nowMs - 200_000), dropped: 0 },
      models: [modelOf({ id: "phi-4", vram_mib: 9000, ...ready(6) })],
    }),
  ]
}

export function manyHosts(number: number, nowMs: number): FleetHost[] {
  const kinds = everyState(nowMs)
  return Array.from({ length: number }, (_, index) => {
    const kind = kinds[index % kinds.length]
    const id = `host-${String(index + 1).padStart(3, "0")}`
    return FleetHost.parse({ ...kind, provider_id: id, display_name: id })
  })
}

export function sampleAt(host: FleetHost, ms: number): PerfSample | null {
  if (host.last_seen_at === null || !host.enabled || host.liveness === "down") return null
  const asleep = host.gpu_feed?.state === "asleep"
  const wave = (period: number, shift: number) =>
    (Math.sin(ms / period + shift + host.provider_id.length) + 1) / 2
  const held = host.models.filter(({ state }) => state === "ready" || state === "stopping")
  const usedMib = held.reduce((sum, model) => sum + (model.vram_mib ?? 900), 0) + 600
  const total = host.gpus.reduce((sum, gpu) => sum + (gpu.memory_total_mib ?? 0), 0)
  return PerfSample.parse({
    ts: instantOf(ms),
    gpu:
      host.gpus.length === 0
        ? null
        : host.gpus.map((gpu) => ({
            index: gpu.index,
            uuid: gpu.uuid,
            name: gpu.name,
            state: asleep ? "asleep" : "awake",
            util_pct: asleep ? null : Math.round(30 + 68 * wave(9000, gpu.index) * wave(2100, 1)),
            mem_busy_pct: asleep ? null : 40,
            mem_used_mib: asleep
              ? null
              : Math.round((usedMib * (gpu.memory_total_mib ?? 0)) / Math.max(1, total)),
            mem_total_mib: gpu.memory_total_mib,
            temp_c: asleep ? null : Math.round(48 + 36 * wave(31_000, gpu.index)),
            mem_temp_c: null,
            power_w: asleep
              ? null
              : Math.round((gpu.power_limit_w ?? 100) * (0.25 + 0.65 * wave(9000, gpu.index))),
            power_limit_w: gpu.power_limit_w,
            clock_sm_mhz: asleep ? null : 1900,
            clock_mem_mhz: asleep ? null : 10_000,
            fan_pct: asleep ? null : 46,
            pstate: asleep ? null : "P2",
            throttle: null,
          })),
    sys: {
      cpu_pct: Math.round(8 + 30 * wave(7000, 2)),
      load_1: 2.4,
      mem_used_mib: Math.round(18_000 + 4000 * wave(60_000, 0)),
      mem_total_mib: 65_536,
      swap_used_mib: 0,
      swap_total_mib: 8192,
      disk_used_mib: 400_000,
      disk_total_mib: 900_000,
      net_rx_bytes_per_s: 12_000,
      net_tx_bytes_per_s: 60_000,
    },
    source: "nvidia-smi",
  })
}
