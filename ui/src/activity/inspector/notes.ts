import type { CapturedBody, StoredCapture } from "@boocontrol/shared/capture"
import { plural } from "../../kit/format.ts"
import type { Answer } from "./read/answer.ts"

/** What a reader of a capture has to know before believing it. */
export function notesOf(capture: StoredCapture, answer: Answer | null): string[] {
  const { req_body, resp_body, redacted } = capture
  return [
    cutNote("request", req_body),
    cutNote("answer", resp_body),
    req_body === null ? "llama-swap keeps no request body of this kind." : null,
    resp_body === null
      ? "llama-swap kept no answer: it keeps none of failed requests, sound and pictures."
      : null,
    resp_body?.encoding === "base64" ? "The answer is no text." : null,
    redacted > 0 ? `${plural(redacted, "secret")} taken out before it was stored.` : null,
    answer?.isComplete === false && resp_body?.cut !== true
      ? "The stream ended without its own end: it was broken off."
      : null,
    answer !== null && answer.unread > 0
      ? `${plural(answer.unread, "event")} of the stream could not be read.`
      : null,
  ].filter((note) => note !== null)
}

function cutNote(what: string, body: CapturedBody | null): string | null {
  if (!body?.cut) return null
  return `The ${what} was ${Math.round(body.bytes / 1024)} KB and was cut to fit (CAPTURE_MAX_KB).`
}
