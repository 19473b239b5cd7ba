/** Where a value stands in the body, quotes included: `[from, to)`. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** What the gateway needs of a JSON body. Everything not asked for is stepped over, never parsed. */
export interface Scanned {
  /** `false`: the body ends before its object does; what was found so far stands. */
  readonly complete: boolean
  readonly model: string | null
  /** Every top-level `model`: a duplicate key is one model to one parser and another to the next. */
  readonly modelSpans: readonly Span[]
  readonly stream: boolean
  readonly maxTokens: number | null
  readonly hasTools: boolean
  /** Where the prompt begins: value of `messages`, `input` or `prompt`. */
  readonly promptAt: number | null
}

/** `odd`: not an object, or nothing this scanner can follow. `deep`: nested beyond what any client sends. */
export type ScanResult = Scanned | "odd" | "deep"

/** Real requests nest about ten deep (JSON schemas of tools). Parsers further on recurse. */
export const MAX_DEPTH = 256

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COLON = 0x3a
const COMMA = 0x2c
const SPACE = 0x20

/** Below this a loop is quicker than a call into native code. */
const NATIVE_FROM = 24
/** After so many quotes in a row at most so far apart, so many bytes are walked before the next jump. */
const NEAR_RUN = 4
const NEAR = 8
const WALK = 400

interface Found {
  modelSpans: Span[]
  stream: Span | null
  maxTokens: Map<string, Span>
  tools: Span | null
  promptAt: number | null
}

const MAX_TOKENS = ["max_completion_tokens", "max_tokens", "max_output_tokens", "n_predict"]
const PROMPTS = new Set(["messages", "input", "prompt"])
const KEYS = new Set(["model", "stream", "tools", ...PROMPTS, ...MAX_TOKENS])
const LONGEST_KEY = Math.max(...[...KEYS].map((key) => key.length))

/**
 * Reads the members of a JSON object by walking over its bytes: depth is counted, strings are jumped over with the
 * platform's own byte search. Where it says a model, `JSON.parse` of the same bytes says the same one; it does not
 * check that the rest is JSON, which is the business of whoever answers.
 */
export function scanBody(body: Buffer): ScanResult {
  const end = body.length
  const found: Found = { modelSpans: [], stream: null, maxTokens: new Map(), tools: null, promptAt: null }
  let at = skipBlank(body, 0)
  if (at >= end) return conclude(body, found, null)
  if (body[at] !== OPEN_BRACE) return "odd"
  at = skipBlank(body, at + 1)
  if (body[at] === CLOSE_BRACE) return conclude(body, found, { end: at + 1 })
  for (;;) {
    if (at >= end) return conclude(body, found, null)
    if (body[at] !== QUOTE) return "odd"
    const keyEnd = stringEnd(body, at)
    if (keyEnd === -1) return conclude(body, found, null)
    const key = keyAt(body, at, keyEnd)
    if (key === undefined) return "odd"
    at = skipBlank(body, keyEnd)
    if (at >= end) return conclude(body, found, null)
    if (body[at] !== COLON) return "odd"
    const from = skipBlank(body, at + 1)
    if (key !== null && PROMPTS.has(key)) found.promptAt ??= from
    const to = valueEnd(body, from)
    if (to === DEEP) return "deep"
    if (to === ODD) return "odd"
    if (to === CUT) return conclude(body, found, null)
    if (key !== null) keep(found, key, { from, to })
    at = skipBlank(body, to)
    if (at >= end) return conclude(body, found, null)
    if (body[at] === CLOSE_BRACE) return conclude(body, found, { end: at + 1 })
    if (body[at] !== COMMA) return "odd"
    at = skipBlank(body, at + 1)
  }
}

const CUT = -1
const ODD = -2
const DEEP = -3

function keep(found: Found, key: string, span: Span): void {
  if (key === "model") found.modelSpans.push(span)
  else if (key === "stream") found.stream = span
  else if (key === "tools") found.tools = span
  else if (MAX_TOKENS.includes(key)) found.maxTokens.set(key, span)
}

function conclude(body: Buffer, found: Found, whole: { end: number } | null): ScanResult {
  if (whole !== null && skipBlank(body, whole.end) < body.length) return "odd"
  const last = found.modelSpans.at(-1)
  const model = last ? stringAt(body, last) : null
  if (model === undefined) return "odd"
  const limit = MAX_TOKENS.map((key) => found.maxTokens.get(key)).find((span) => span !== undefined)
  const number = limit ? Number(body.toString("latin1", limit.from, limit.to)) : Number.NaN
  return {
    complete: whole !== null,
    model,
    modelSpans: found.modelSpans,
    stream: found.stream !== null && body[found.stream.from] === 0x74,
    maxTokens: Number.isFinite(number) ? number : null,
    hasTools: found.tools !== null && hasMember(body, found.tools),
    promptAt: found.promptAt,
  }
}

function hasMember(body: Buffer, { from, to }: Span): boolean {
  return body[from] === OPEN_BRACKET && skipBlank(body, from + 1) < to - 1
}

/** Null where the value is not a string; undefined where it is a string that is none. */
function stringAt(body: Buffer, { from, to }: Span): string | null | undefined {
  if (body[from] !== QUOTE) return null
  const text = body.toString("utf8", from + 1, to - 1)
  // Escapes, and what a parser would refuse in a string, are for the parser.
  if (isPlain(body, from + 1, to - 1) && !text.includes("\ufffd")) return text
  try {
    const parsed: unknown = JSON.parse(body.toString("utf8", from, to))
    return typeof parsed === "string" ? parsed : undefined
  } catch {
    return undefined
  }
}

function isPlain(body: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = body[at] ?? 0
    if (byte === BACKSLASH || byte < SPACE) return false
  }
  return true
}

/** The key where it may be one of ours, null where it cannot, undefined where it is no string. */
function keyAt(body: Buffer, from: number, to: number): string | null | undefined {
  const length = to - from - 2
  // An escape takes up to six bytes for one character.
  if (length > LONGEST_KEY * 6) return null
  const plain = isPlain(body, from + 1, to - 1)
  if (plain && length > LONGEST_KEY) return null
  const key = plain ? body.toString("latin1", from + 1, to - 1) : stringAt(body, { from, to })
  if (key === undefined || key === null) return undefined
  return KEYS.has(key) ? key : null
}

function skipBlank(body: Buffer, from: number): number {
  let at = from
  // Space, tab, line feed and carriage return; nothing else below the space may stand between tokens.
  while (at < body.length && isBlank(body[at])) at++
  return at
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** Index after the closing quote of the string that opens at `from`; CUT where it does not close. */
function stringEnd(body: Buffer, from: number): number {
  const end = body.length
  // Where quotes are close together (escaped ones, in code) the loop walks; elsewhere the native search jumps.
  let walkTo = Math.min(end, from + NATIVE_FROM)
  let near = 0
  let at = from + 1
  for (;;) {
    while (at < walkTo) {
      const byte = body[at]
      if (byte === QUOTE) return at + 1
      at += byte === BACKSLASH ? 2 : 1
    }
    const quote = body.indexOf(QUOTE, at)
    if (quote === -1) return CUT
    let slashes = 0
    // Not before `at`: what stands there belongs to an escape that is passed already.
    while (quote - slashes - 1 >= at && body[quote - slashes - 1] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return quote + 1
    near = quote - at < NEAR ? near + 1 : 0
    at = quote + 1
    walkTo = near >= NEAR_RUN ? Math.min(end, at + WALK) : 0
  }
}

/** Index after the value that begins at `from`, or CUT, ODD, DEEP. */
function valueEnd(body: Buffer, from: number): number {
  const first = body[from]
  if (first === undefined) return CUT
  if (first === QUOTE) return stringEnd(body, from)
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return wordEnd(body, from)
  let depth = 1
  let at = from + 1
  const end = body.length
  while (at < end) {
    const byte = body[at]
    if (byte === QUOTE) {
      at = stringEnd(body, at)
      if (at === CUT) return CUT
      continue
    }
    at++
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > MAX_DEPTH) return DEEP
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (--depth === 0) return at
    }
  }
  return CUT
}

/** Numbers, true, false, null. */
function wordEnd(body: Buffer, from: number): number {
  let at = from
  while (at < body.length) {
    const byte = body[at] ?? 0
    if (byte === COMMA || byte === CLOSE_BRACE || isBlank(byte)) return at === from ? ODD : at
    if (byte === QUOTE || byte === COLON || byte === OPEN_BRACE || byte === OPEN_BRACKET) return ODD
    at++
  }
  return CUT
}

/** The body with another model in every place that says one. Null where it says that one already. */
export function withModel(body: Buffer, scanned: Scanned, model: string): Buffer | null {
  const wanted = Buffer.from(JSON.stringify(model))
  const others = scanned.modelSpans.filter(
    ({ from, to }) => body.compare(wanted, 0, wanted.length, from, to) !== 0,
  )
  if (others.length === 0) return null
  const parts: Buffer[] = []
  let at = 0
  for (const { from, to } of others) {
    parts.push(body.subarray(at, from), wanted)
    at = to
  }
  parts.push(body.subarray(at))
  return Buffer.concat(parts)
}
