import type { Reply } from "../llama/reply.ts"

/** Stands between the model server and the client, as llama-swap's response writers do. */
export interface Recorder extends Reply {
  readonly status: number
  readonly headers: Record<string, string>
  readonly bytes: number
  readonly headSent: boolean
  /** The text, of refusals only: a row quotes it. */
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
      if (headSent) return
      headSent = true
      status = code
      headers = values
      listener.onHead(values)
      reply.head(code, values)
    },
    write(chunk) {
      const size = Buffer.byteLength(chunk)
      bytes += size
      if (status !== 200) text += chunk
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
