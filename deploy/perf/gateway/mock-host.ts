// A host that costs little: answers chat requests at once, or streams events at a pace. In a process of its own, because
// what it costs must not be counted as the gateway's. Told by lines on stdin how to misbehave.
import { createServer } from "node:http"
import type { ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { createInterface } from "node:readline"

type Mode = "normal" | "slow" | "503" | "reset" | "mid-stream-death"
let mode: Mode = "normal"
let served = 0

const EVENTS = Number(process.argv[2] ?? 100)
const EVERY_MS = Number(process.argv[3] ?? 10)
const USAGE = `"usage":{"completion_tokens":${EVENTS},"prompt_tokens":30,"total_tokens":130}`
const ANSWER = Buffer.from(
  `{"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"${"word ".repeat(60)}"}}],` +
    `"created":1,"model":"m","object":"chat.completion",${USAGE},"id":"chatcmpl-1"}`,
)
const event = (text: string): string =>
  `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"${text}"}}],"created":1,"id":"chatcmpl-1","model":"m","object":"chat.completion.chunk"}\n\n`
const TOKEN = Buffer.from(event("token "))
const LAST = Buffer.from(
  `data: {"choices":[],"created":1,"id":"chatcmpl-1","model":"m","object":"chat.completion.chunk",${USAGE}}\n\ndata: [DONE]\n\n`,
)
const STREAM = Buffer.from(`"stream":true`)

function stream(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" })
  let sent = 0
  const timer = setInterval(() => {
    if (mode === "mid-stream-death" && sent > 3) {
      clearInterval(timer)
      return void response.destroy()
    }
    if (sent++ < EVENTS) return void response.write(TOKEN)
    clearInterval(timer)
    response.end(LAST)
  }, EVERY_MS)
  response.on("close", () => clearInterval(timer))
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  served++
  let isStream = false
  request.on("data", (chunk: Buffer) => (isStream ||= chunk.includes(STREAM)))
  request.on("error", () => undefined)
  request.on("end", () => {
    if (mode === "503")
      return void response.writeHead(503, { "content-type": "application/json" }).end(`{"error":"down"}`)
    if (mode === "reset") return void request.socket.destroy()
    const answer = (): void => {
      if (isStream) return stream(response)
      response.writeHead(200, ["content-type", "application/json", "content-length", String(ANSWER.length)])
      response.end(ANSWER)
    }
    if (mode === "slow") setTimeout(answer, 1500)
    else answer()
  })
})
server.listen(Number(process.argv[4] ?? 0), "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`)
})
createInterface(process.stdin)
  .on("line", (line) => {
    if (line === "count") process.stdout.write(`${JSON.stringify({ served })}\n`)
    else mode = line as Mode
  })
  .on("close", () => process.exit(0))
