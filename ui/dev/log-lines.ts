import type { ActivityRow } from "@boocontrol/shared/activity"
import { instantOf } from "@boocontrol/shared/time"

const RED = "\u001B[31m"
const GREEN = "\u001B[32m"
const END = "\u001B[0m"

/** What a host wrote before somebody looked: a load, some requests, a warning, an error, colours. */
export function logTails(provider_id: string, nowMs: number): unknown[] {
  const frame = { type: "control_log", provider_id }
  const of = (agoMs: number, given: object) => ({ ...frame, at: instantOf(nowMs - agoMs), ...given })
  return [
    of(600_000, { source: "upstream", model: "qwen3-32b", history: true, lines: loading }),
    of(595_000, {
      source: "proxy",
      lines: ["[INFO] <qwen3-32b> Health check passed on http://localhost:5800/health"],
    }),
    of(90_000, { source: "upstream", model: "qwen3-32b", lines: progress(40) }),
    of(60_000, {
      source: "proxy",
      lines: ["[WARN] group: starting llama-3.3-70b failed: upstream command exited prematurely"],
    }),
    of(59_000, {
      source: "upstream",
      model: "llama-3.3-70b",
      dropped: 12,
      lines: [
        "0.02.410.118 E ggml  ggml_backend_: allocating 21504.00 MiB on device 0: cudaMalloc failed: out of memory",
        `${RED}error${END}: failed to load model, see ${GREEN}--help${END}`,
      ],
    }),
    of(20_000, { source: "upstream", model: "qwen3-32b", lines: progress(30) }),
  ]
}

const loading = [
  "0.00.012.345 I srv  llama_server: initializing ...",
  "0.00.013.101 W srv  llama_server: security: no API key is set and CORS allows all origins",
  "0.00.014.870 I srv    load_model: loading model '/models/qwen3-32b-q4_k_m.gguf'",
  "0.09.412.006 I srv  llama_server: model loaded",
]

function progress(count: number): string[] {
  return Array.from({ length: count }, (_, n) =>
    n % 9 === 0
      ? "1.12.118.402 I srv  log_server_r: request: POST /v1/chat/completions 127.0.0.1 200"
      : `1.12.${String(n).padStart(3, "0")}.118 I slot update_slots: id ${n % 4} | task ${1200 + n} | prompt processing progress, n_past = ${n * 512}`,
  )
}

export function logsOfRequest(row: ActivityRow, nowMs: number): unknown[] {
  const frame = { type: "control_log", provider_id: row.provider_id, at: instantOf(nowMs) }
  return [
    {
      ...frame,
      source: "proxy",
      lines: [
        `[INFO] Request 127.0.0.1 "POST /v1/chat/completions HTTP/1.1" ${row.status_code} 5120 "curl/8" 1.9s`,
      ],
    },
    {
      ...frame,
      source: "upstream",
      model: row.model,
      lines: [`4.01.220.118 I slot      release: id 0 | task 88 | stop processing: n_tokens = 812`],
    },
  ]
}

/** Lines of a storm: as many in one batch as a sidecar sends in a tenth of a second. */
export function stormOf(provider_id: string, given: { nowMs: number; count: number; from: number }): unknown {
  return {
    ...{
      type: "control_log",
      provider_id,
      at: instantOf(given.nowMs),
      source: "upstream",
      model: "qwen3-32b",
    },
    lines: Array.from({ length: given.count }, (_, n) => {
      const id = given.from + n
      return `2.00.${String(id % 1000).padStart(3, "0")}.118 ${id % 97 === 0 ? "W" : "I"} slot update_slots: id ${id % 4} | task ${id} | prompt processing progress, n_past = ${id * 512}, n_tokens = 2048`
    }),
  }
}
