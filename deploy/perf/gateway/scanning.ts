import { readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { scanBody } from "../../../hub/src/gateway/core/scan.ts"
import { disagreement } from "../../../hub/src/gateway/core/scan-cases.ts"

/** The same numbers for the same seed, so that a disagreement can be found again. */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const KEYS = [
  "model",
  "model",
  "stream",
  "messages",
  "mod\\u0065l",
  "\\u006dodel",
  "tools",
  "max_tokens",
  "a",
  "",
  'x\\"y',
]
const PIECES = [
  "a",
  "model",
  '\\"',
  "\\\\",
  "\\n",
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  "ä",
  "🧀",
  "\\ud83e\\uddc0",
  '\\"model\\":\\"x\\"',
  "y".repeat(40),
]
const WORDS = ["true", "false", "null", "0", "-1.5e+10", "[]", "{}", '""']
const GAPS = ["", "", "", " ", "\n", "\t\r\n "]

type Below = (below: number) => number
const pick = (from: readonly string[], below: Below): string => from[below(from.length)] ?? ""

function text(below: Below): string {
  let made = ""
  for (let n = below(8); n > 0; n--) made += pick(PIECES, below)
  return `"${made}"`
}

function value(below: Below, depth: number): string {
  const kind = below(depth > 3 ? 2 : 4)
  if (kind === 0) return pick(WORDS, below)
  if (kind === 1) return text(below)
  const gap = pick(GAPS, below)
  const inner = Array.from({ length: below(3) }, () => value(below, depth + 1))
  if (kind === 2) return `[${gap}${inner.join(`${gap},`)}${gap}]`
  return `{${inner.map((each) => `${gap}"${pick(KEYS, below)}"${gap}:${each}`).join(",")}${gap}}`
}

function body(below: Below): Buffer {
  const gap = pick(GAPS, below)
  const members = Array.from(
    { length: below(6) },
    () => `${gap}"${pick(KEYS, below)}"${gap}:${gap}${value(below, 0)}`,
  )
  const made = Buffer.from(`${gap}{${members.join(",")}${gap}}${gap}`)
  // One in four is damaged: what is no JSON any more must not be misread either.
  if (below(4) === 0) made[below(made.length)] = below(256)
  return made
}

/** So many bodies, each read by both. */
export function fuzz(cases: number): { cases: number; disagreements: string[] } {
  const below = numbers(20_261_126)
  const disagreements: string[] = []
  for (let n = 0; n < cases; n++) {
    const found = disagreement(body(below))
    if (found !== null && disagreements.length < 5) disagreements.push(found)
  }
  return { cases, disagreements }
}

function bestUs(work: () => unknown, runs: number): number {
  for (let n = 0; n < runs; n++) work()
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 9; round++) {
    const startedMs = performance.now()
    for (let n = 0; n < runs; n++) work()
    best = Math.min(best, ((performance.now() - startedMs) / runs) * 1000)
  }
  return best
}

/** A conversation about this project's own source: what an agent sends, with the model as its last member. */
export function scanAgainstParse(bytes: number): { scanUs: number; parseUs: number } {
  const folder = join(import.meta.dirname, "../../../hub/src/fleet")
  const files = readdirSync(folder).filter((name) => name.endsWith(".ts"))
  const source = files.map((name) => readFileSync(join(folder, name), "utf8")).join("\n")
  const messages: { role: string; content: string }[] = []
  for (let size = 0, at = 0; size < bytes; size += 8000, at += 8000)
    messages.push({
      role: messages.length % 2 ? "assistant" : "user",
      content: source.slice(at % (source.length - 8000)).slice(0, 8000),
    })
  const made = Buffer.from(JSON.stringify({ messages, stream: true, model: "qwen3-coder-30b" }))
  const runs = Math.max(5, Math.round(10_000_000 / made.length))
  return {
    scanUs: bestUs(() => scanBody(made), runs),
    parseUs: bestUs(() => JSON.parse(made.toString("utf8")), runs),
  }
}
