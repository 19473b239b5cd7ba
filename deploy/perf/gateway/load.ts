import { connect } from "node:net"
import type { Socket } from "node:net"

export interface LoadOptions {
  readonly port: number
  readonly request: Buffer
  readonly connections: number
  readonly ms: number
}

export interface LoadResult {
  readonly done: number
  readonly failed: number
  readonly ms: number
  /** Of each request. */
  readonly latenciesMs: number[]
}

const HEAD_END = Buffer.from("\r\n\r\n")
const CHUNKED_END = Buffer.from("0\r\n\r\n")

/** Keeps so many connections busy, each with one request after the other, on bare sockets: the load costs little itself. */
export async function load({ port, request, connections, ms }: LoadOptions): Promise<LoadResult> {
  const latenciesMs: number[] = []
  let failed = 0
  const startedMs = performance.now()
  const untilMs = startedMs + ms

  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true })
      let sentMs = 0
      const send = (): void => {
        if (performance.now() >= untilMs) return void socket.end()
        sentMs = performance.now()
        socket.write(request)
      }
      const reply = replyReader((ok) => {
        if (ok) latenciesMs.push(performance.now() - sentMs)
        else failed++
        send()
      })
      socket.on("connect", send)
      socket.on("data", reply)
      socket.on("error", () => failed++)
      socket.on("close", () => resolve())
      abandonLate(socket, untilMs)
    })
  await Promise.all(Array.from({ length: connections }, one))
  return { done: latenciesMs.length, failed, ms: performance.now() - startedMs, latenciesMs }
}

function abandonLate(socket: Socket, untilMs: number): void {
  const timer = setTimeout(() => socket.destroy(), untilMs - performance.now() + 20_000)
  socket.on("close", () => clearTimeout(timer))
}

/** Calls back for each complete reply: by its content-length, or by its last chunk. */
function replyReader(done: (ok: boolean) => void): (chunk: Buffer) => void {
  let head: Buffer | null = Buffer.alloc(0)
  let missing = 0
  let isChunked = false
  let ok = false
  return (chunk) => {
    let body = chunk
    if (head !== null) {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk])
      const end = head.indexOf(HEAD_END)
      if (end === -1) return
      const text = head.toString("latin1", 0, end).toLowerCase()
      ok = text.startsWith("http/1.1 200")
      isChunked = text.includes("transfer-encoding: chunked")
      missing = Number(/content-length: (\d+)/.exec(text)?.[1] ?? 0)
      body = head.subarray(end + 4)
      head = null
    }
    missing -= body.length
    if (isChunked ? !body.subarray(-5).equals(CHUNKED_END) : missing > 0) return
    head = Buffer.alloc(0)
    done(ok)
  }
}

/** A chat request of about so many bytes, as a client writes it. */
export function chatRequest({
  bytes,
  port,
  modelLast,
  stream = false,
  model = "m",
  headers = {},
}: {
  bytes: number
  port: number
  modelLast: boolean
  stream?: boolean
  model?: string
  headers?: Record<string, string>
}): Buffer {
  const turn = `Please look at \\"src/main.ts\\" and say what it does.\\nThen list each function with one line. `
  const messages = `"messages":[{"role":"user","content":"${turn.repeat(Math.ceil(bytes / turn.length)).slice(0, -2)}"}]`
  const rest = `${messages},"temperature":0.7,"max_tokens":100${stream ? `,"stream":true` : ""}`
  const body = modelLast ? `{${rest},"model":"${model}"}` : `{"model":"${model}",${rest}}`
  const all = {
    ...{ host: `127.0.0.1:${port}`, "content-type": "application/json", accept: "application/json" },
    ...{ "user-agent": "OpenAI/JS 6.1.0", "content-length": String(Buffer.byteLength(body)), ...headers },
  }
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`POST /v1/chat/completions HTTP/1.1\r\n${head.join("")}\r\n${body}`)
}
