// A process of its own, as a client is: what it makes of the answers is not the hub's to clear away.
import { Agent, get } from "node:http"
import { parseArgs } from "node:util"

/** How long each answer took, from the request to its last byte as text. */
export interface Timed {
  ms: number[]
  bytes: number
}

const { values } = parseArgs({
  options: { url: { type: "string" }, warm: { type: "string" }, runs: { type: "string" } },
})
const agent = new Agent({ keepAlive: true })

const ask = (path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get(`${values.url}${path}`, { agent }, (reply) => {
      let text = ""
      reply.setEncoding("utf8")
      reply.on("data", (chunk: string) => (text += chunk))
      reply.on("error", reject)
      reply.on("end", () =>
        reply.statusCode === 200 ? resolve(text) : reject(new Error(`${path}: ${reply.statusCode} ${text}`)),
      )
    }).on("error", reject)
  })

async function time(path: string): Promise<Timed> {
  let bytes = 0
  for (let n = 0; n < Number(values.warm); n += 1) bytes = (await ask(path)).length
  const ms: number[] = []
  for (let n = 0; n < Number(values.runs); n += 1) {
    const startedAt = performance.now()
    await ask(path)
    ms.push(performance.now() - startedAt)
  }
  return { ms, bytes }
}

process.on("message", (path: string) => {
  void time(path).then((timed) => process.send?.(timed))
})
process.on("disconnect", () => process.exit())
