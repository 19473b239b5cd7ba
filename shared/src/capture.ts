import * as z from "zod/mini"
import { RequestId, SwapEpoch } from "./ids.ts"
import { redactHeader, redactSecrets } from "./redact.ts"
import { Instant } from "./time.ts"

const amount = z.int().check(z.nonnegative())
const headers = z.record(z.string(), z.string())

/** Args of the command `capture`: which request of which store. */
export const CaptureArgs = z.object({
  swap_epoch: SwapEpoch,
  swap_entry_id: amount,
  ts: Instant,
  model: z.string(),
})
export type CaptureArgs = z.infer<typeof CaptureArgs>

/** One body: as text, or as base64 where it is none. */
export const CapturedBody = z.object({
  text: z.string(),
  encoding: z.enum(["text", "base64"]),
  /** As long as it was; more than `text` where it was cut. */
  bytes: amount,
  cut: z.boolean(),
})
export type CapturedBody = z.infer<typeof CapturedBody>

/** A request and its answer as an engine kept them. A null body was not kept: the engine keeps none of a failure's. */
export const EngineCapture = z.object({
  req_path: z.nullable(z.string()),
  req_headers: headers,
  req_body: z.nullable(CapturedBody),
  resp_headers: headers,
  resp_body: z.nullable(CapturedBody),
})
export type EngineCapture = z.infer<typeof EngineCapture>

/** A capture as it stands in `control_requests.capture`. */
export const StoredCapture = z.extend(EngineCapture, {
  v: z.literal(1),
  fetched_at: Instant,
  /** `policy`: when the request ended, as CAPTURE_POLICY says; `hand`: somebody asked for it. */
  by: z.enum(["policy", "hand"]),
  /** Secrets that were taken out before it was stored. */
  redacted: amount,
})
export type StoredCapture = z.infer<typeof StoredCapture>

/** Reply of `GET` and `POST /activity/:id/capture`. */
export const CaptureReply = z.object({ id: RequestId, capture: StoredCapture })
export type CaptureReply = z.infer<typeof CaptureReply>

/** Takes secrets out of headers and bodies. Base64 is no text: nobody can say what stands in it, so it stays as it is. */
export function redactCapture(capture: EngineCapture): { capture: EngineCapture; count: number } {
  let count = 0
  const clean = (of: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(of).map(([name, value]) => {
        const kept = redactHeader(name, value)
        if (kept !== value) count += 1
        return [name, kept]
      }),
    )
  const body = (of: CapturedBody | null): CapturedBody | null => {
    if (of === null || of.encoding === "base64") return of
    const { text, count: found } = redactSecrets(of.text)
    count += found
    return { ...of, text }
  }
  const { req_headers, resp_headers, req_body, resp_body } = capture
  return {
    capture: {
      ...capture,
      ...{ req_headers: clean(req_headers), resp_headers: clean(resp_headers) },
      ...{ req_body: body(req_body), resp_body: body(resp_body) },
    },
    count,
  }
}
