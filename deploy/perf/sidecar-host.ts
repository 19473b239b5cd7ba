import type { HostScenarioInput } from "../demo/src/index.ts"

/** A host with four cards that is in use all the time: about fifteen requests a minute, streamed, and some swaps. */
export const QUAD: HostScenarioInput = {
  host_id: "quad",
  version: "v250",
  gpus: ["rtx-3090", "rtx-3090", "rtx-3090", "rtx-3090"],
  memory_gib: 128,
  ready: ["qwen3-4b"],
  models: [
    {
      id: "qwen3-4b",
      name: "Qwen3 4B",
      file: "qwen3-4b-Q4_K_M.gguf",
      context: 16_384,
      ttl_s: 300,
      load_s: 3,
      vram_mib: [2_700],
      prefill_tps: 2_900,
      decode_tps: 118,
    },
    {
      id: "gemma3-12b",
      name: "Gemma 3 12B",
      file: "gemma3-12b-Q4_K_M.gguf",
      context: 16_384,
      ttl_s: 120,
      load_s: 5,
      vram_mib: [7_600],
      prefill_tps: 1_700,
      decode_tps: 58,
    },
  ],
  traffic: [
    {
      source: "boocoder",
      model: "qwen3-4b",
      session_turns: 4,
      prompt_tokens: [120, 1_600],
      output_tokens: [40, 320],
      think_s: [2, 6],
      first_after_s: 1,
      abort_chance: 0.03,
    },
    {
      source: "titles",
      model: "gemma3-12b",
      stream: false,
      prompt_tokens: [80, 300],
      output_tokens: [5, 16],
      think_s: [60, 180],
      first_after_s: 20,
    },
  ],
}
