import type { CapturedBody, EngineCapture } from "./capture.ts"

/** Room for names, headers and what is around a body. */
const REST_BYTES = 16 * 1024
const MAX_HEADERS = 60
const MAX_HEADER_CHARS = 1_000

/**
 * A capture that takes at most `maxBytes` as JSON. Long strings of a JSON body are shortened before anything else, so
 * that it stays JSON and every message of it stays to be seen; what is left over loses its middle, since a stream
 * tells at its beginning what is answered and at its end what it cost.
 */
export function trimCapture(capture: EngineCapture, maxBytes: number): EngineCapture {
  const slim = {
    ...capture,
    req_headers: fewHeaders(capture.req_headers),
    resp_headers: fewHeaders(capture.resp_headers),
  }
  if (bytesAsJson(slim) <= maxBytes) return slim
  const room = Math.max(0, maxBytes - REST_BYTES)
  const [asked, answered] = [bodyBytes(slim.req_body), bodyBytes(slim.resp_body)]
  const half = Math.floor(room / 2)
  // What one of them does not need is the other's.
  const askedRoom = Math.max(half, room - answered)
  const answeredRoom = Math.max(half, room - asked)
  return {
    ...slim,
    req_body: trimBody(slim.req_body, Math.min(askedRoom, room - Math.min(answered, half))),
    resp_body: trimBody(slim.resp_body, Math.min(answeredRoom, room - Math.min(asked, half))),
  }
}

function fewHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .slice(0, MAX_HEADERS)
      .map(([name, value]) => [name.slice(0, 200), value.slice(0, MAX_HEADER_CHARS)]),
  )
}

function bodyBytes(body: CapturedBody | null): number {
  return body === null ? 0 : jsonBytes(body.text)
}

function trimBody(body: CapturedBody | null, room: number): CapturedBody | null {
  if (body === null || jsonBytes(body.text) <= room) return body
  if (body.encoding === "base64") return { ...body, text: "", cut: true }
  return { ...body, text: shorterJson(body.text, room) ?? withoutMiddle(body.text, room), cut: true }
}

const LONGEST = [16_384, 4_096, 1_024, 256, 64]

function shorterJson(text: string, room: number): string | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  for (const longest of LONGEST) {
    const shorter = JSON.stringify(value, (_, part: unknown) =>
      typeof part === "string" && part.length > longest ? shorterText(part, longest) : part,
    )
    if (jsonBytes(shorter) <= room) return shorter
  }
  return null
}

function shorterText(text: string, longest: number): string {
  const keep = Math.floor(longest / 2)
  const lost = text.length - 2 * keep
  return `${whole(text.slice(0, keep))} … [${lost} characters cut] … ${whole(text.slice(-keep))}`
}

function withoutMiddle(text: string, room: number): string {
  const mark = "\n… [cut] …\n"
  let keep = Math.floor(Math.max(0, room - jsonBytes(mark)) / 2)
  for (;;) {
    const shorter = `${whole(text.slice(0, keep))}${mark}${whole(text.slice(text.length - keep))}`
    if (keep === 0 || jsonBytes(shorter) <= room) return shorter
    keep = Math.floor(keep * 0.8)
  }
}

/** Half of a surrogate pair is no character: Postgres refuses it. */
function whole(text: string): string {
  return text.replace(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/g, "")
}

/** Bytes of a text within JSON, in UTF-8. */
export function jsonBytes(text: string): number {
  let bytes = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x22 || code === 0x5c) bytes += 2
    else if (code < 0x20) bytes += code === 0x0a || code === 0x0d || code === 0x09 ? 2 : 6
    else if (code < 0x80) bytes += 1
    else if (code < 0x800) bytes += 2
    else if (code >= 0xd800 && code <= 0xdfff) bytes += 3
    else bytes += 3
  }
  return bytes
}

function bytesAsJson(value: unknown): number {
  const text = JSON.stringify(value)
  return jsonBytes(text) - (text.match(/["\\]/g)?.length ?? 0)
}
