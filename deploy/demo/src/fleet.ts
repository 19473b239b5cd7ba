import { fileURLToPath } from "node:url"
import type { GpuKindName } from "./gpu/kinds.ts"
import { createRandom } from "./random.ts"
import { type HostScenarioInput, readFleetScenario } from "./scenario.ts"

export function scenarioFile(name: string): string {
  return fileURLToPath(new URL(`../scenarios/${name}.yaml`, import.meta.url))
}

/** The first hosts are those of the default fleet; further ones are made up, each different and each time the same. */
export function fleetOf(count: number): HostScenarioInput[] {
  const known = readFleetScenario(scenarioFile("default")).hosts
  const invented = Array.from({ length: Math.max(0, count - known.length) }, (_, index) =>
    inventHost(index + 1),
  )
  return [...known.slice(0, count), ...invented]
}

interface Build {
  name: string
  gpus: [GpuKindName, ...GpuKindName[]]
  /** Decode speed relative to an RTX 3090. */
  speed: number
  memoryMib: number
}

const BUILDS: [Build, ...Build[]] = [
  { name: "rack", gpus: ["rtx-3090", "rtx-3090"], speed: 1, memoryMib: 48_000 },
  { name: "desk", gpus: ["rtx-5090"], speed: 2.1, memoryMib: 31_000 },
  { name: "shelf", gpus: ["tesla-p40"], speed: 0.45, memoryMib: 23_500 },
  { name: "box", gpus: ["p104-100"], speed: 0.35, memoryMib: 7800 },
  { name: "node", gpus: ["h100-80"], speed: 2.6, memoryMib: 79_000 },
  { name: "quad", gpus: ["rtx-3090", "rtx-3090", "rtx-3090", "rtx-3090"], speed: 1, memoryMib: 97_000 },
]

const FAMILIES = [
  { id: "qwen3-4b", quant: "Q4_K_M", gib: 2.7, prefill: 2900, decode: 118, context: 16_384 },
  { id: "gemma3-12b", quant: "Q4_K_M", gib: 7.6, prefill: 1700, decode: 58, context: 16_384 },
  { id: "qwen3-coder-30b", quant: "Q5_K_M", gib: 21.2, prefill: 1500, decode: 92, context: 65_536 },
  { id: "mistral-small-24b", quant: "Q6_K", gib: 19.4, prefill: 900, decode: 34, context: 32_768 },
  { id: "llama-3.3-70b", quant: "Q4_K_M", gib: 39.7, prefill: 430, decode: 17.5, context: 32_768 },
  { id: "gpt-oss-120b", quant: "MXFP4", gib: 61, prefill: 1100, decode: 61, context: 65_536 },
]

function inventHost(number: number): HostScenarioInput {
  const random = createRandom(`invented-${number}`)
  const build = BUILDS[(number - 1) % BUILDS.length] ?? BUILDS[0]
  const models = FAMILIES.filter((family) => family.gib * 1024 < build.memoryMib * 0.97)
    .slice(-3)
    .map((family) => ({
      id: family.id,
      name: family.id,
      file: `${family.id}-${family.quant}.gguf`,
      tools: true,
      context: family.context,
      ttl_s: random.pick([120, 300, 600, 900]),
      load_s: Math.round(3 + family.gib * random.between(0.2, 0.4)),
      vram_mib: build.gpus.map(() => Math.round((family.gib * 1024) / build.gpus.length)),
      prefill_tps: Math.round(family.prefill * build.speed),
      decode_tps: Math.round(family.decode * build.speed * 10) / 10,
    }))
  const [first, second = first] = models
  if (!first || !second) throw new Error(`no model fits ${build.name}`)
  const hostId = `${build.name}-${String(number + 1).padStart(2, "0")}`
  return {
    host_id: hostId,
    version: random.pick(["v250", "v250", "v250-5-g0bdb372", "v235"]),
    os: build.name === "desk" ? "windows" : "linux",
    utc_offset_minutes: random.pick([-420, -240, 60, 120, 330]),
    gpus: build.gpus,
    memory_gib: random.pick([32, 64, 128]),
    models,
    ready: [first.id],
    traffic: [
      {
        source: random.pick(["boocoder", "boochat", "arena"]),
        model: first.id,
        session_turns: 4,
        prompt_tokens: [120, 1600],
        output_tokens: [40, 320],
        think_s: [6, 18],
        first_after_s: random.between(0.5, 5),
        abort_chance: 0.03,
      },
      {
        source: "titles",
        model: second.id,
        stream: false,
        prompt_tokens: [80, 300],
        output_tokens: [5, 16],
        think_s: [60, 180],
        first_after_s: random.between(5, 40),
        error_chance: 0.04,
      },
    ],
  }
}
