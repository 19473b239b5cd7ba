import type { Figure } from "./view.ts"

/**
 * What is expected of a model nobody has measured, from its name alone: billions of parameters, family and quant. Good
 * enough to begin with; every figure that is measured takes the place of its prior.
 */
export interface ModelGuess {
  /** Billions of parameters: what it weighs, and what works on each token. */
  readonly weight: number
  readonly active: number
  readonly purpose: "text" | "embedding" | "rerank" | "audio" | "image"
}

const UNKNOWN_SIZE = 8

export function guessOf(id: string): ModelGuess {
  const name = id.toLowerCase()
  const mixture = /(\d{1,3})x(\d{1,4}(?:\.\d+)?)b(?![a-z])/.exec(name)
  const active = /(?:^|[^a-z0-9])a(\d{1,3}(?:\.\d+)?)b(?![a-z])/.exec(name)?.[1]
  const size = /(?:^|[^a-z0-9.])(\d{1,4}(?:\.\d+)?)b(?![a-z])/.exec(name)?.[1]
  const weight = mixture ? Number(mixture[1]) * Number(mixture[2]) * 0.9 : Number(size ?? UNKNOWN_SIZE)
  const works = active !== undefined ? Number(active) : mixture ? Number(mixture[2]) * 2 : weight
  return { weight: bounded(weight, 0.1, 2000), active: bounded(works, 0.1, 2000), purpose: purposeOf(name) }
}

function purposeOf(name: string): ModelGuess["purpose"] {
  if (/rerank/.test(name)) return "rerank"
  if (/embed|(^|[^a-z])(bge|e5|gte)([^a-z]|$)/.test(name)) return "embedding"
  if (/whisper|parakeet|(^|[^a-z])tts([^a-z]|$)|kokoro/.test(name)) return "audio"
  if (/(^|[^a-z])(sd|sdxl|flux)([^a-z]|$)|stable-diffusion|comfyui/.test(name)) return "image"
  return "text"
}

/** What an endpoint can be served by. */
export function purposeFor(endpoint: string): ModelGuess["purpose"] {
  if (/embed/.test(endpoint)) return "embedding"
  if (/rerank/.test(endpoint)) return "rerank"
  if (/audio/.test(endpoint)) return "audio"
  if (/image|sdapi/.test(endpoint)) return "image"
  return "text"
}

export const priorPromptTps = ({ active }: ModelGuess): Figure => prior(bounded(8000 / active, 50, 10_000))
export const priorGenTps = ({ active }: ModelGuess): Figure => prior(bounded(400 / active, 2, 200))
/** Half a gigabyte per billion at four bits, read at half a gigabyte per second, and what starting takes. */
export const priorLoadMs = ({ weight }: ModelGuess): Figure =>
  prior(bounded(3000 + weight * 1000, 4000, 120_000))

const CODERS = /coder|codestral|devstral|starcoder/
const ALSO_CODE = /deepseek-v3|gpt-oss|glm-4|qwen3/

/** 0 to 1. */
export function priorQuality(id: string, quant: string | null, task: string): Figure {
  const guess = guessOf(id)
  if (guess.purpose !== "text") return prior(0)
  // From 1 billion at 0.3 to 400 billion at 0.9; of a mixture something between what it weighs and what works.
  const size = Math.sqrt(guess.weight * guess.active)
  const bySize = 0.3 + 0.1 * (Math.log2(bounded(size, 0.5, 512)) / Math.log2(2.5))
  const byTask = task === "code" ? codingOf(id.toLowerCase()) : 0
  return prior(bounded(bySize + byTask - lostBy(quant), 0, 1))
}

function codingOf(name: string): number {
  if (CODERS.test(name)) return 0.15
  return ALSO_CODE.test(name) ? 0.06 : -0.04
}

function lostBy(quant: string | null): number {
  const bits = /(?:^|[^0-9])([1-8])(?:_|$)/.exec(quant ?? "")?.[1]
  return { "1": 0.2, "2": 0.1, "3": 0.05, "4": 0.02, "5": 0.01, "6": 0.005 }[bits ?? ""] ?? 0
}

function prior(value: number): Figure {
  return { value, basis: "prior" }
}

function bounded(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}
