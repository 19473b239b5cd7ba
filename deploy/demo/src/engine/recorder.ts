import type { Reply } from "../llama/reply.ts"

/** Longer answers are cut in their capture; nothing needs more of them. */
const KEPT_CHARACTERS = 1_000_000

/** Stands between the model server and the client, as llama-swap's response writers do. */
export interface Recorder extends Reply {
  readonly status: number
  readonly headers: Record<string, string>
  readonly bytes: number
  readonly headSent: boolean
  /** Whether it came as far as the model's own server. */
  dispatched: boolean
  /** The text, of refusals and of answers that somebody reads: rows quote it, captures hold it. */
  readonly text: string
}

export interface RecorderListener {
  onHead(headers: Record<string, string>): void
  onBytes(bytes: number): void
}

export function createRecorder(reply: Reply, listener: RecorderListener): Recorder {
  let status = 200
  let headers: Record<string, string> = {}
  let bytes = 0
  let headSent = false
  let text = ""
  return {
    reads: reply.reads,
    dispatched: false,
    get status() {
      return status
    },
    get headers() {
      return headers
    },
    get bytes() {
      return bytes
    },
    get headSent() {
      return headSent
    },
    get text() {
      return text
    },
    head(code, values) {
      if (headSent) {
        // Too late to be sent, but the row shows it: a failed start inside an opened stream reads as JSON.
        headers = { ...headers, ...values }
        return
      }
      headSent = true
      status = code
      headers = values
      listener.onHead(values)
      reply.head(code, values)
    },
    write(chunk) {
      const size = Buffer.byteLength(chunk)
      bytes += size
      if (status !== 200 || (reply.reads && text.length < KEPT_CHARACTERS)) text += chunk
      listener.onBytes(size)
      reply.write(chunk)
    },
    count(size) {
      bytes += size
      listener.onBytes(size)
      reply.count(size)
    },
    end() {
      reply.end()
    },
  }
}
