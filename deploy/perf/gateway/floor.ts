// The least that a proxy of Node's own server and undici does: it keeps the body until it is whole, as the gateway does, and
// looks at nothing. What the gateway takes beyond this is its own doing. `node floor.ts PORT PORT-OF-THE-HOST`
import { createServer } from "node:http"
import { Pool } from "undici"

const [port, upstream] = process.argv.slice(2).map(Number)
const pool = new Pool(`http://127.0.0.1:${upstream}`, { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
const OWN = new Set(["host", "connection", "keep-alive", "content-length", "transfer-encoding"])

createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const { method = "GET", url: path = "/", headers } = request
    const passed = Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.has(name)))
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
    pool.dispatch(
      { method, path, headers: passed, body: body ?? null },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, status, reply) => void response.writeHead(status, kept(reply)),
        onResponseData: (_controller, chunk) => void response.write(chunk),
        onResponseEnd: () => void response.end(),
        onResponseError: () => void response.destroy(),
      },
    )
  })
}).listen(port, "127.0.0.1")

function kept(headers: Record<string, string | string[] | undefined>): Record<string, string | string[]> {
  const reply: Record<string, string | string[]> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined && (!OWN.has(name) || name === "content-length")) reply[name] = value
  }
  return reply
}
