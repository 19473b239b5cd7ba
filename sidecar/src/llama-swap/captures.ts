import type { CapturedBody, EngineCapture } from "@boocontrol/shared/capture"
import { redactCapture } from "@boocontrol/shared/capture"
import { trimCapture } from "@boocontrol/shared/trim"
import type { Caller } from "../activity/ports.ts"
import type { EngineHttp } from "./http.ts"
import { callerOfHeaders } from "./inflight.ts"
import { errorTextOf, EngineRefusal } from "./problems.ts"
import { jsonOf } from "./messages.ts"
import { Capture } from "./shapes.ts"

/** With the reply around it, a capture still fits one message. */
export const MAX_CAPTURE_BYTES = 440 * 1024

/**
 * What llama-swap kept of one request; null where it has nothing of it any more. The shape is the same in both eras:
 * bodies in base64, null where the route or the outcome keeps none. Secrets are out of it before it leaves here.
 */
export async function readCapture(
  http: Pick<EngineHttp, "call">,
  entryId: number,
): Promise<EngineCapture | null> {
  const reply = await http.call(`/api/captures/${entryId}`)
  if (reply.status === 404) return null
  if (reply.status !== 200) throw new EngineRefusal(reply.status, errorTextOf(reply))
  const parsed = Capture.safeParse(jsonOf(reply.body))
  if (!parsed.success || parsed.data.id !== entryId) throw new Error("its capture does not look as expected")
  const { req_path, req_headers, req_body, resp_headers, resp_body } = parsed.data
  const { capture } = redactCapture({
    req_path: req_path ?? null,
    ...{ req_headers: req_headers ?? {}, resp_headers: resp_headers ?? {} },
    ...{ req_body: bodyOf(req_body), resp_body: bodyOf(resp_body) },
  })
  return trimCapture(capture, MAX_CAPTURE_BYTES)
}

/** Beyond it the engine's answer holds bodies that are not worth the memory: the caller stays unknown. */
const MAX_CALLER_BYTES = 2 * 1024 * 1024

/** Who made a request, by the headers that llama-swap kept of it; null where it has none any more. */
export async function readCaller(
  http: Pick<EngineHttp, "call">,
  entryId: number,
  sessionHeaders: readonly string[],
): Promise<Caller | null> {
  const reply = await http.call(`/api/captures/${entryId}`, { maxBytes: MAX_CALLER_BYTES })
  if (reply.status !== 200) return null
  const parsed = Capture.safeParse(jsonOf(reply.body))
  if (!parsed.success || parsed.data.id !== entryId) return null
  return { ...callerOfHeaders(parsed.data.req_headers ?? {}, sessionHeaders), client_ip: null }
}

function bodyOf(base64: string | null | undefined): CapturedBody | null {
  if (!base64) return null
  const bytes = Buffer.from(base64, "base64")
  const of = { bytes: bytes.length, cut: false }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    // No text of a protocol holds it, and Postgres takes none.
    if (!text.includes("\0")) return { ...of, text, encoding: "text" }
  } catch {
    // Sound or an image.
  }
  return { ...of, text: base64, encoding: "base64" }
}
