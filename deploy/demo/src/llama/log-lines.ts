import type { Clock } from "../clock.ts"
import type { Random } from "../random.ts"
import type { ModelScenario } from "../scenario.ts"
import { type Measured, timingsOf } from "./timings.ts"

export interface LlamaLog {
  /** Time in the log counts from here. */
  started(): void
  info(text: string): void
  loading(model: ModelScenario): void
  failedToLoad(): void
  loaded(): void
  timing(tag: string, measured: Measured): void
}

/** A llama-server's log: minutes.seconds.millis.micros, a level letter, and now and then a line in several writes. */
export function createLlamaLog(parts: {
  clock: Clock
  random: Random
  write: (chunk: string) => void
}): LlamaLog {
  const { clock, random, write } = parts
  let startedAt = clock.now()

  function line(level: "I" | "W" | "E", text: string) {
    const stamp = stampOf(clock.now() - startedAt, random.integer(0, 999))
    // The real one writes prefix and text apart, so a reader gets pieces of lines.
    if (random.chance(0.25)) {
      write(`${stamp} `)
      write(`${level} `)
      write(`${text}\n`)
    } else write(`${stamp} ${level} ${text}\n`)
  }

  return {
    started() {
      startedAt = clock.now()
    },
    info: (text) => line("I", text),
    loading(model) {
      line("I", "srv  llama_server: initializing ...")
      line(
        "I",
        "cmn  common_param: common_params_print_info: verbosity = 3 (adjust with the `-lv N` CLI arg)",
      )
      line("W", "srv  llama_server: security: no API key is set and CORS allows all origins")
      line("I", `srv    load_model: loading model '/models/${model.file}'`)
      line("I", "cmn          init: llama threadpool init, n_threads = 8")
      const slotContext = Math.floor(model.context / model.slots)
      line(
        "I",
        `srv    load_model: initializing, n_slots = ${model.slots}, n_ctx_slot = ${slotContext}, kv_unified = 'false'`,
      )
    },
    failedToLoad() {
      line("E", "ggml  ggml_backend_: allocating 21504.00 MiB on device 0: cudaMalloc failed: out of memory")
      line("E", "srv    load_model: failed to load model")
      line("E", "srv  llama_server: exiting due to model loading error")
    },
    loaded() {
      line("I", "srv  llama_server: model loaded")
      line("I", "srv  llama_server: listening on http://127.0.0.1")
    },
    timing(tag, measured) {
      for (const text of timingLines(measured)) line("I", `slot print_timing: ${tag} ${text}`)
      const tokens = measured.cacheN + measured.promptN + measured.predictedN
      line("I", `slot      release: ${tag} stop processing: n_tokens = ${tokens}, truncated = 0`)
    },
  }
}

function timingLines(measured: Measured): string[] {
  const timings = timingsOf(measured)
  const cost = (ms: number, tokens: number) =>
    `${ms.toFixed(2).padStart(10)} ms / ${String(tokens).padStart(5)} tokens`
  const rate = (perToken: number, perSecond: number) =>
    `(${perToken.toFixed(2).padStart(8)} ms per token, ${perSecond.toFixed(2).padStart(8)} tokens per second)`
  return [
    `prompt eval time = ${cost(timings.prompt_ms, timings.prompt_n)} ${rate(timings.prompt_per_token_ms, timings.prompt_per_second)}`,
    `       eval time = ${cost(timings.predicted_ms, timings.predicted_n)} ${rate(timings.predicted_per_token_ms, timings.predicted_per_second)}`,
    `      total time = ${cost(timings.prompt_ms + timings.predicted_ms, timings.prompt_n + timings.predicted_n)}`,
  ]
}

function stampOf(elapsedMs: number, micros: number): string {
  const minutes = Math.floor(elapsedMs / 60_000)
  const two = String(Math.floor((elapsedMs % 60_000) / 1000)).padStart(2, "0")
  const millis = String(Math.floor(elapsedMs % 1000)).padStart(3, "0")
  return `${minutes}.${two}.${millis}.${String(micros).padStart(3, "0")}`
}
