import { IncomingMessage } from "node:http"
import { Socket } from "node:net"
import { expect, it } from "vitest"
import { Ask } from "./ask.ts"
import { scanBody } from "./core/scan.ts"

const ask = (body: object, indent = 0, request = new IncomingMessage(new Socket())): Ask => {
  const head = Buffer.from(JSON.stringify(body, null, indent))
  const scanned = scanBody(head)
  if (typeof scanned === "string") throw new Error(scanned)
  const read = { head, rest: null, bytes: head.length, model: "m", scanned }
  return new Ask({
    ...{ requestId: "r", source: "test", keyLabel: null, request },
    endpoint: { kind: "chat", servedBy: "any", path: "/v1/chat/completions?a=b", upstream: null },
    body: { ...read, named: () => head, release: () => undefined },
  })
}
const saying = (part: object) => ({ model: "m", messages: [{ role: "user", content: [part] }] })

it.each([
  ["a picture of OpenAI's", saying({ type: "image_url", image_url: { url: "data:" } }), true],
  ["a picture of Anthropic's", saying({ type: "image", source: { type: "base64" } }), true],
  ["a picture of the responses API", saying({ type: "input_image", image_url: "x" }), true],
  ["text that names one", saying({ type: "text", text: '{"type":"image"}' }), false],
  [
    "a tool with a parameter of that name",
    { model: "m", tools: [{ parameters: { properties: { image: { type: "string" } } } }] },
    false,
  ],
  [
    "such a tool and a picture",
    {
      ...saying({ type: "image", source: {} }),
      tools: [{ parameters: { properties: { image: {} } } }],
    },
    true,
  ],
])("sees %s", (_what, body, has) => {
  expect([ask(body).hasImages, ask(body, 2).hasImages]).toEqual([has, has])
})

it("says where it came from, and which path it goes to", () => {
  const socket = new Socket()
  Object.defineProperty(socket, "remoteAddress", { value: "::ffff:10.0.0.9" })
  const request = new IncomingMessage(socket)
  request.headers["user-agent"] = "x".repeat(300)
  const { path, clientIp, userAgent } = ask({ model: "m" }, 0, request)
  expect([path, clientIp, userAgent]).toEqual(["/v1/chat/completions", "10.0.0.9", "x".repeat(200)])
  const unknown = ask({ model: "m" })
  expect([unknown.clientIp, unknown.userAgent]).toEqual([null, null])
})
