import * as z from "zod/mini"

/** What JetStream answers to a publish: stored, or why not. */
const PubAck = z.union([
  z.object({ stream: z.string(), seq: z.int(), duplicate: z.optional(z.boolean()) }),
  z.object({
    error: z.object({ code: z.int(), err_code: z.optional(z.int()), description: z.optional(z.string()) }),
  }),
])

/** `too_large` will never be taken, however often it is sent; `refused` may be, later. */
export type PublishOutcome =
  | { kind: "stored"; duplicate: boolean }
  | { kind: "too_large"; reason: string }
  | { kind: "refused"; reason: string }

const NO_RESPONDERS = 503
const MESSAGE_EXCEEDS_STREAM_LIMIT = 10_054

/** Reads the reply to a JetStream publish. Whatever is not plainly an acknowledgement means "not stored". */
export function readPubAck(status: number, text: string): PublishOutcome {
  if (status === NO_RESPONDERS)
    return { kind: "refused", reason: "no stream takes it yet: the hub makes them at its start" }
  const parsed = PubAck.safeParse(jsonOf(text))
  if (!parsed.success)
    return { kind: "refused", reason: `an answer that is no acknowledgement (status ${status})` }
  if ("stream" in parsed.data) return { kind: "stored", duplicate: parsed.data.duplicate === true }
  const { code, err_code, description } = parsed.data.error
  const reason = `${description ?? "no reason given"} (${err_code ?? code})`
  return { kind: err_code === MESSAGE_EXCEEDS_STREAM_LIMIT ? "too_large" : "refused", reason }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
