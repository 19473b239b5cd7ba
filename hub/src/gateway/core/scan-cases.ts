import type { Scanned } from "./scan.ts"
import { scanBody } from "./scan.ts"

/** What `JSON.parse` says of the same bytes; null where they are no JSON object. */
export function parsedModel(body: Buffer): { model: string | null; stream: boolean } | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString("utf8"))
  } catch {
    return null
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return null
  const model: unknown = Object.getOwnPropertyDescriptor(parsed, "model")?.value
  const stream: unknown = Object.getOwnPropertyDescriptor(parsed, "stream")?.value
  return { model: typeof model === "string" ? model : null, stream: stream === true }
}

/** Null: they agree. Where the scanner gives up, the parser has the word, and nothing is to be compared. */
export function disagreement(body: Buffer): string | null {
  const parsed = parsedModel(body)
  const scanned = scanBody(body)
  if (parsed === null) return null
  if (scanned === "deep") return null
  if (scanned === "odd") return `given up on ${body.toString("utf8").slice(0, 200)}`
  return differs(scanned, parsed)
    ? `${body.toString("utf8").slice(0, 200)}: ${JSON.stringify(scanned)}`
    : null
}

function differs(scanned: Scanned, parsed: { model: string | null; stream: boolean }): boolean {
  return !scanned.complete || scanned.model !== parsed.model || scanned.stream !== parsed.stream
}
