import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, request as httpRequest } from "node:http"
import type { Server } from "node:http"
import { stripTypeScriptTypes } from "node:module"
import { join } from "node:path"
import { promisify } from "node:util"
import OpenAI from "openai"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { ActivityRow } from "@boocontrol/shared/activity"
import { pageOf } from "@boocontrol/shared/http"
import { CHAT, closed, listening, startClientsWorld } from "./clients-world.ts"
import type { ClientsWorld } from "./clients-world.ts"

let world: ClientsWorld
/** Somebody else's proxy, which knows nothing of sources and passes on what it gets. */
let proxy: Server
let proxied = { toHost: "", toGateway: "" }

beforeAll(async () => {
  world = await startClientsWorld("attribution", { here: {} })
  proxy = createServer((request, response) => {
    const [, way, rest] = /^\/(host|gateway)(\/.*)$/.exec(request.url ?? "") ?? []
    const { method, headers } = request
    const onward = httpRequest((way === "host" ? world.host("here").url : world.url) + rest, {
      method,
      headers,
    })
    onward.on("response", (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(response)
    })
    onward.on("error", () => response.destroy())
    request.pipe(onward)
  })
  const url = await listening(proxy)
  proxied = { toHost: `${url}/host/v1`, toGateway: `${url}/gateway/v1` }
})
afterAll(async () => {
  await closed(proxy)
  await world?.stop()
})

/** The stored rows of a source, once there are so many. */
async function rowsOf(source: string, wanted = 1): Promise<ActivityRow[]> {
  const read = async () =>
    pageOf(ActivityRow).parse(await (await world.hub.get(`/activity?source=${source}`)).json()).rows
  await expect.poll(async () => (await read()).length, { timeout: 30_000 }).toBe(wanted)
  return read()
}

describe("a request is its source's", () => {
  const ways: [string, string, () => string][] = [
    ["through the gateway", "way-gateway", () => world.v1],
    ["through another proxy, to the gateway", "way-proxy-gateway", () => proxied.toGateway],
    ["through another proxy, to llama-swap", "way-proxy-host", () => proxied.toHost],
    ["straight to llama-swap", "way-host", () => `${world.host("here").url}/v1`],
  ]
  it.each(ways)("%s, streamed and whole", async (_way, source, baseURL) => {
    const given = { baseURL: baseURL(), apiKey: "none", maxRetries: 0 }
    const client = new OpenAI({ ...given, defaultHeaders: { "X-Boo-Source": source } })
    const asked = { model: CHAT, messages: [{ role: "user" as const, content: "hello" }], max_tokens: 30 }
    const stream = await client.chat.completions.create({ ...asked, stream: true })
    let text = ""
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? ""
    const whole = await client.chat.completions.create(asked)
    expect(whole.choices[0]?.message.content).toBe(text)
    for (const row of await rowsOf(source, 2))
      expect(row).toMatchObject({
        ...{ source, provider_id: "here", model: CHAT, status_code: 200, output_tokens: 30 },
        req_path: "/v1/chat/completions",
      })
  })
})

/** The blocks of a page, each a program of its own. */
const programs = [
  ...readFileSync(join(import.meta.dirname, "../../../docs/gateway.md"), "utf8").matchAll(
    /^```ts\n(.*?)^```/gms,
  ),
].map(([, text = ""]) => text)

describe("the examples of docs/gateway.md", () => {
  const examples: [string, string][] = [
    ["openai", "boochat"],
    ["@anthropic-ai/sdk", "unlabelled"],
    ["@ai-sdk/openai", "titles"],
  ]

  it("are all tried here", () => {
    expect(
      programs.map((text) => examples.filter(([name]) => text.includes(`from "${name}"`)).length),
    ).toEqual(examples.map(() => 1))
  })

  it.each(examples)("with %s run as they stand, as %s", async (name, source) => {
    const program = programs.find((text) => text.includes(`from "${name}"`)) ?? ""
    expect(program).toContain("http://127.0.0.1:9503")
    // Beside the packages that it names; nothing in it is changed but the address.
    const cache = join(import.meta.dirname, "../node_modules/.cache")
    mkdirSync(cache, { recursive: true })
    const folder = mkdtempSync(join(cache, "docs-"))
    const file = join(folder, "example.mjs")
    writeFileSync(file, stripTypeScriptTypes(program.replaceAll("http://127.0.0.1:9503", world.url)))
    const before = (await (await world.hub.get(`/activity?source=${source}`)).json()) as { rows: unknown[] }
    await promisify(execFile)(process.execPath, [file])
    rmSync(folder, { recursive: true })
    const [row] = await rowsOf(source, before.rows.length + 1)
    expect(row).toMatchObject({ model: CHAT, status_code: 200 })
  })
})
