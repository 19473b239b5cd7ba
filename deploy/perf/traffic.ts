import { createHash } from "node:crypto"
import { HostId } from "@boocontrol/shared/ids"
import { subjects } from "@boocontrol/shared/subjects"
import type { EventKind } from "@boocontrol/shared/subjects"

/**
 * Messages of hosts that never were, as text, made so cheaply that a thousand of them leave the machine to what is
 * measured. Readings come from a few variants that are written once; only times and counters are new each time.
 */
export interface TrafficHost {
  readonly id: HostId
  message(kind: EventKind, atMs: number, data: string): TrafficMessage
  /** One sample per second up to `atMs`, oldest first: what a `perf` message holds. */
  perf(atMs: number, seconds: number): TrafficMessage
  live(atMs: number): TrafficMessage
  presence(atMs: number): TrafficMessage
  models(atMs: number, state: "ready" | "stopped"): TrafficMessage
  inflight(atMs: number, count: number): TrafficMessage
  activity(atMs: number, rows: number): TrafficMessage
  log(atMs: number, lines: number): TrafficMessage
}

export interface TrafficMessage {
  readonly subject: string
  /** `Nats-Msg-Id` of a durable message, null of any other. */
  readonly id: string | null
  readonly text: string
}

const DURABLE: ReadonlySet<EventKind> = new Set(["models", "activity", "note", "result", "perf"])
const VARIANTS = 4
const MODELS = ["qwen3-4b", "gemma3-12b", "gpt-oss-20b", "nomic-embed-text"]

/** `life`: another boot of the same host, whose messages nobody takes for those of an earlier one. */
export function trafficHost(n: number, { gpus = 4, life = "" } = {}): TrafficHost {
  const id = HostId.parse(`load-${String(n).padStart(4, "0")}`)
  const [instance, boot, epoch] = ["instance", "boot", "epoch"].map((part) => uuidOf(`${part} ${id}${life}`))
  const bodies = Array.from({ length: VARIANTS }, (_, variant) => sampleBody({ n, gpus, variant }))
  let seq = 0
  let entry = 0

  const message = (kind: EventKind, atMs: number, data: string): TrafficMessage => {
    const number = DURABLE.has(kind) ? ++seq : null
    const head = `{"v":1,"host":"${id}","instance":"${instance}","boot":"${boot}","seq":${number}`
    return {
      subject: subjects.event(id, kind),
      id: number === null ? null : `${id}.${boot}.${number}`,
      text: `${head},"at":"${timeText(atMs)}","kind":"${kind}","data":${data}}`,
    }
  }
  const sample = (atMs: number): string =>
    `{"ts":"${timeText(atMs)}",${bodies[Math.floor(atMs / 1000) % VARIANTS] ?? ""}}`
  const hardware = JSON.stringify(hardwareOf(n, gpus))

  return {
    id,
    message,
    perf(atMs, seconds) {
      const samples = Array.from({ length: seconds }, (_, back) => sample(atMs - (seconds - 1 - back) * 1000))
      return message("perf", atMs, `{"samples":[${samples.join(",")}]}`)
    },
    live: (atMs) => message("live", atMs, `{"sample":${sample(atMs)}}`),
    presence: (atMs) => message("presence", atMs, presenceData(atMs, hardware)),
    models: (atMs, state) => message("models", atMs, modelsData(atMs, state)),
    inflight: (atMs, count) => message("inflight", atMs, inflightData(atMs, count)),
    activity(atMs, rows) {
      const made = Array.from({ length: rows }, () =>
        requestRow({ epoch: epoch ?? "", entry: ++entry, atMs }),
      )
      return message("activity", atMs, `{"rows":[${made.join(",")}]}`)
    },
    log: (atMs, lines) =>
      message("log", atMs, JSON.stringify({ source: "upstream", lines: logLines(atMs, lines) })),
  }
}

export function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString()
}

interface BodyOf {
  n: number
  gpus: number
  variant: number
}

/** All of a sample but its time: readings with the decimals that nvidia-smi gives. */
function sampleBody({ n, gpus, variant }: BodyOf): string {
  const gpu = Array.from({ length: gpus }, (_, index) => {
    const busy = (n * 7 + index * 13 + variant * 29) % 101
    return {
      index,
      uuid: `GPU-${uuidOf(`gpu ${n} ${index}`)}`,
      name: "NVIDIA GeForce RTX 3090",
      state: "awake",
      util_pct: busy,
      mem_busy_pct: Math.floor(busy / 2),
      mem_used_mib: 9_000 + busy * 140,
      mem_total_mib: 24_576,
      temp_c: 34 + Math.floor(busy / 2),
      mem_temp_c: null,
      power_w: Math.round((25 + busy * 3.21) * 100) / 100,
      power_limit_w: 350,
      clock_sm_mhz: 210 + busy * 17,
      clock_mem_mhz: 9_501,
      fan_pct: 30 + Math.floor(busy / 2),
      pstate: busy > 10 ? "P2" : "P8",
      throttle: "0x0000000000000001",
    }
  })
  const sys = {
    cpu_pct: ((n + variant * 17) % 1000) / 10,
    load_1: ((n + variant * 3) % 160) / 10,
    mem_used_mib: 21_000 + variant * 311,
    mem_total_mib: 128_000,
    swap_used_mib: 0,
    swap_total_mib: 8_191,
    disk_used_mib: 420_331,
    disk_total_mib: 1_906_000,
    net_rx_bytes_per_s: 18_221 + variant * 977,
    net_tx_bytes_per_s: 91_003 + variant * 1_311,
  }
  return `"gpu":${JSON.stringify(gpu)},"sys":${JSON.stringify(sys)},"source":"nvidia-smi"`
}

function hardwareOf(n: number, gpus: number): object {
  return {
    os_family: "linux",
    os_name: "Debian GNU/Linux 12",
    cpu_model: "AMD EPYC 7302P",
    cpu_threads: 32,
    memory_total_mib: 128_000,
    gpus: Array.from({ length: gpus }, (_, index) => ({
      index,
      uuid: `GPU-${uuidOf(`gpu ${n} ${index}`)}`,
      name: "NVIDIA GeForce RTX 3090",
      memory_total_mib: 24_576,
      power_limit_w: 350,
      driver: "580.95.05",
    })),
  }
}

function presenceData(atMs: number, hardware: string): string {
  const at = timeText(atMs)
  const engine =
    `{"kind":"llama-swap","version":"250","era":"activity","liveness":"connected","last_seen_at":"${at}",` +
    `"problem":null,"lacks":[]}`
  return (
    `{"sidecar_version":"0.1.0","started_at":"2026-01-01T00:00:00.000Z","simulated":true,"capabilities":["warm"],` +
    `"advertise_url":null,"engine":${engine},"hardware":${hardware},` +
    `"gpu_feed":{"source":"nvidia-smi","state":"streaming","reason":null},` +
    `"spool":{"depth":0,"bytes":0,"oldest_at":null,"dropped":0},"clock":{"now":"${at}","steps":0},"rejected":0}`
  )
}

function modelsData(atMs: number, state: "ready" | "stopped"): string {
  const at = timeText(atMs)
  const models = MODELS.map((id, index) => ({
    id,
    ...{ name: null, description: null, aliases: [], state: index === 0 ? state : "stopped" },
    ...{ state_since: index === 0 ? at : null, error: null, ttl_s: 300, expires_at: null },
    ...{ context_length: 16_384, quant: "Q4_K_M", load_ms_typical: 4_100, vram_mib: 7_600 },
    ...{ vram_basis: "process", unlisted: false, peer: null, capabilities: ["chat"] },
  }))
  const from = state === "ready" ? "starting" : "stopping"
  const transitions = [{ model: MODELS[0], from, to: state, at, reason: null }]
  return JSON.stringify({ models, transitions })
}

function inflightData(atMs: number, count: number): string {
  const requests = Array.from({ length: count }, (_, index) => ({
    ...{ id: `req-${atMs}-${index}`, started_at: timeText(atMs), model: MODELS[0] },
    ...{ req_path: "/v1/chat/completions", method: "POST", phase: "answering", resp_bytes: 1_024 },
    ...{ headers: {}, source: "boochat", request_id: null, client_ip: "10.0.0.7", user_agent: "curl/8.5.0" },
    session_id: null,
  }))
  return JSON.stringify({ requests, total: count })
}

function requestRow({ epoch, entry, atMs }: { epoch: string; entry: number; atMs: number }): string {
  const tokens = 40 + (entry % 400)
  return JSON.stringify({
    ...{ swap_epoch: epoch, swap_entry_id: entry, ts: timeText(Math.floor(atMs / 1000) * 1000) },
    ...{ model: MODELS[entry % MODELS.length], req_path: "/v1/chat/completions" },
    ...{ status_code: entry % 50 === 0 ? 500 : 200, duration_ms: 1_000 + (entry % 7_000), cache_tokens: 120 },
    ...{ input_tokens: 512, prompt_tokens: 632, uncached_tokens: 512, token_basis: "timings" },
    ...{
      output_tokens: tokens,
      prompt_tps: 2_311.4,
      gen_tps: 61.7,
      draft_tokens: null,
      draft_accepted: null,
    },
    ...{ error: null, has_capture: false, source: "boochat", request_id: null, client_ip: "10.0.0.7" },
    ...{ user_agent: "OpenAI/Python 2.8.1", session_id: null, attribution: "only" },
  })
}

function logLines(atMs: number, count: number): string[] {
  return Array.from(
    { length: count },
    (_, n) =>
      `slot update_slots: id ${n} | task ${atMs + n} | prompt done, n_past = 632, n_tokens = 512, progress = 1.000000`,
  )
}
