/** Where an answer goes: a socket, or a simulated client that only counts. */
export interface Reply {
  /** Whether somebody reads the text; else it is only counted. */
  readonly reads: boolean
  head(status: number, headers: Record<string, string>): void
  write(text: string): void
  count(bytes: number): void
  end(): void
}

export interface Collected extends Reply {
  readonly status: number
  readonly headers: Record<string, string>
  readonly text: string
  readonly bytes: number
}

/** A simulated client: keeps the text only where asked. */
export function createSilentReply(keepText = false): Collected {
  let text = ""
  let bytes = 0
  let status = 0
  let sent: Record<string, string> = {}
  return {
    reads: keepText,
    get status() {
      return status
    },
    get headers() {
      return sent
    },
    get text() {
      return text
    },
    get bytes() {
      return bytes
    },
    head(code, headers) {
      status = code
      sent = headers
    },
    write(chunk) {
      bytes += Buffer.byteLength(chunk)
      if (keepText) text += chunk
    },
    count(size) {
      bytes += size
    },
    end() {},
  }
}

export function sendJson(reply: Reply, status: number, value: unknown) {
  const text = JSON.stringify(value)
  reply.head(status, {
    "Access-Control-Allow-Origin": "",
    "Content-Length": String(Buffer.byteLength(text)),
    "Content-Type": "application/json; charset=utf-8",
    Server: "llama.cpp",
  })
  reply.write(text)
  reply.end()
}
