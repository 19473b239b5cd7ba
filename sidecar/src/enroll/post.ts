import http from "node:http"
import https from "node:https"

export interface Reply {
  readonly status: number
  readonly body: string
}

const MOST_BYTES = 1024 * 1024

/**
 * One POST of JSON. No redirect is followed: a secret goes nowhere but to the address that was given. Nothing but
 * node:http: a fetch client does not start under the flags that keep this program small.
 */
export function postJson(address: string, value: unknown, options: { timeoutMs: number }): Promise<Reply> {
  const { timeoutMs: timeout } = options
  const url = new URL(address)
  const sent = Buffer.from(JSON.stringify(value))
  const headers = { "content-type": "application/json", "content-length": sent.length }
  const { request } = url.protocol === "https:" ? https : http
  return new Promise((resolve, reject) => {
    const asking = request(url, { method: "POST", headers, timeout, agent: false }, (reply) => {
      const chunks: Buffer[] = []
      let bytes = 0
      reply.on("data", (chunk: Buffer) => {
        chunks.push(chunk)
        if ((bytes += chunk.length) > MOST_BYTES) asking.destroy(new Error("the answer has no end"))
      })
      reply.on("error", reject)
      reply.on("end", () =>
        resolve({ status: reply.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
      )
    })
    asking.on("timeout", () => asking.destroy(new Error(`no answer within ${timeout / 1_000} s`)))
    asking.on("error", reject)
    asking.end(sent)
  })
}
