import { once } from "node:events"
import { request } from "node:http"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as z from "zod/mini"
import { MadeGatewayKey } from "@boocontrol/shared/gateway"
import { envelope, model, presence } from "../../test/example-host.ts"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"
import { fakeHost } from "./world-for-tests.ts"
import type { FakeHost } from "./world-for-tests.ts"

const TOKEN = "0123456789abcdef-token"
const GUEST = "https://chat.example.org"
const STRANGER = "https://evil.example.org"

let world: World
let host: FakeHost
/** With access control, and a page that may use the gateway; and as it is without any setting. */
let closed: RunningHub
let open: RunningHub
let key = ""
beforeAll(async () => {
  world = await newWorld("cross-origin")
  host = await fakeHost((response, heard) => {
    // As llama-server does: whoever asks may read it.
    const allowed =
      heard.headers.origin === undefined ? {} : { "access-control-allow-origin": heard.headers.origin }
    response.writeHead(200, { "content-type": "application/json", ...allowed }).end("{}")
  })
  closed = await runHub(world, { env: { BOO_ADMIN_TOKEN: TOKEN, BOO_GATEWAY_ORIGINS: GUEST } })
  open = await runHub(world)
  const body = JSON.stringify({ label: "page" })
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" }
  key = MadeGatewayKey.parse(await (await closed.get("/keys", { method: "POST", headers, body })).json()).key
  world.say(envelope("presence", presence({ advertise_url: host.url }), { host: "a" }))
  world.say(envelope("models", { models: [model("m", "ready")], transitions: [] }, { host: "a" }))
  const serves = async (hub: RunningHub, sent: Sent) => (await ask(hub, sent)).status === 200
  await vi.waitUntil(() => serves(closed, { key }), { timeout: 10_000 })
  await vi.waitUntil(() => serves(open, {}), { timeout: 10_000 })
})
afterAll(async () => {
  await Promise.all([closed.stop(), open.stop(), host.close()])
  await world.end()
})

interface Sent {
  path?: string
  method?: string
  origin?: string
  key?: string
  headers?: Record<string, string>
}

/** As a browser would send it: `fetch` here does not let a program say its Origin. */
async function ask(hub: RunningHub, sent: Sent) {
  const { path = "/v1/chat/completions", method = "POST", origin, key: shown, headers = {} } = sent
  const asked = request(`${hub.url}${path}`, {
    method,
    headers: {
      ...(method === "POST" && { "content-type": "application/json" }),
      ...(origin !== undefined && { origin }),
      ...(shown !== undefined && { authorization: `Bearer ${shown}` }),
      ...headers,
    },
  })
  const replied = once(asked, "response")
  asked.end(method === "POST" ? '{"model":"m","messages":[]}' : undefined)
  const [reply] = await replied
  let text = ""
  for await (const chunk of reply) text += String(chunk)
  return { status: reply.statusCode as number, headers: reply.headers as Record<string, string>, text }
}
const Failed = z.object({ error: z.object({ code: z.string() }) })
const codeOf = ({ text }: { text: string }) => Failed.parse(JSON.parse(text)).error.code
const corsOf = ({ headers }: { headers: Record<string, string> }) =>
  Object.keys(headers).filter((name) => name.startsWith("access-control-"))

describe("a preflight", () => {
  it("is answered on the gateway's paths as llama-swap answers it, without a key and without asking a host", async () => {
    const before = host.heard.length
    for (const path of ["/v1/chat/completions", "/v1/messages", "/infill", "/upstream/m/v1/embeddings"]) {
      const reply = await ask(closed, {
        ...{ path, method: "OPTIONS", origin: GUEST },
        headers: {
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization, x-boo-source",
        },
      })
      expect([reply.status, reply.text]).toEqual([204, ""])
      expect(reply.headers).toMatchObject({
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": "authorization, x-boo-source",
        "access-control-max-age": "86400",
      })
      expect(reply.headers).not.toHaveProperty("access-control-allow-credentials")
    }
    expect(host.heard).toHaveLength(before)
  })

  it.each([
    "/api/control/fleet",
    "/api/control/keys",
    "/api/control/hosts/a/actions",
    "/api/control/ws",
    "/api/health",
    "/metrics",
    "/",
  ])("opens nothing of the API and the cockpit: %s", async (path) => {
    for (const hub of [closed, open]) {
      for (const origin of [GUEST, STRANGER]) {
        const headers = { "access-control-request-method": "POST" }
        const reply = await ask(hub, { path, method: "OPTIONS", origin, headers })
        expect(reply.status).toBeGreaterThanOrEqual(400)
        expect(corsOf(reply)).toEqual([])
      }
    }
  })
})

describe("a page of another origin", () => {
  it("uses the gateway with a key, where the operator lets it, and may read the answer", async () => {
    const reply = await ask(closed, { origin: GUEST, key })
    expect([reply.status, reply.headers["access-control-allow-origin"]]).toEqual([200, "*"])
    expect(reply.headers["access-control-expose-headers"]).toBe("*")
    const listed = await ask(closed, { path: "/v1/models", method: "GET", origin: GUEST, key })
    expect([listed.status, listed.headers["access-control-allow-origin"]]).toEqual([200, "*"])
  })

  it("needs a key like anybody, and reads why it is refused", async () => {
    const reply = await ask(closed, { origin: GUEST })
    expect([reply.status, codeOf(reply)]).toEqual([401, "UNAUTHORIZED"])
    expect(reply.headers["access-control-allow-origin"]).toBe("*")
  })

  it("that nobody let in reaches no host, with a key or without, and learns nothing but that", async () => {
    const before = host.heard.length
    for (const [hub, shown] of [
      [closed, { key }],
      [closed, { key: TOKEN }],
      [open, {}],
    ] as const) {
      for (const origin of [STRANGER, "null", "https://chat.example.org.evil.org"]) {
        const reply = await ask(hub, { origin, ...shown })
        expect([reply.status, codeOf(reply)]).toEqual([403, "ORIGIN_REFUSED"])
        const listed = await ask(hub, { path: "/v1/models", method: "GET", origin, ...shown })
        expect([listed.status, codeOf(listed)]).toEqual([403, "ORIGIN_REFUSED"])
      }
    }
    expect(host.heard).toHaveLength(before)
  })

  it("gets nothing of the API, whoever lets it use the gateway", async () => {
    for (const shown of [{ key }, { key: TOKEN }]) {
      const reply = await ask(closed, { path: "/api/control/fleet", method: "GET", origin: GUEST, ...shown })
      expect([reply.status, corsOf(reply)]).toEqual([403, []])
    }
  })
})

it("says nothing of origins to who has none, whatever the host says", async () => {
  expect(corsOf(await ask(closed, { key }))).toEqual([])
})
