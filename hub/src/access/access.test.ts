import { request } from "node:http"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"
import { openReader } from "../../test/reader.ts"

const TOKEN = "0123456789abcdef-token"

let world: World
let open: RunningHub
let closed: RunningHub
beforeAll(async () => {
  world = await newWorld("access")
  ;[open, closed] = [await runHub(world), await runHub(world, { env: { BOO_ADMIN_TOKEN: TOKEN } })]
})
afterAll(async () => {
  await Promise.all([open.stop(), closed.stop()])
  await world.end()
})

interface Sent {
  method?: string
  headers?: Record<string, string>
  body?: string
}

/** As no browser and no fetch would let it be sent. */
function raw(
  url: string,
  { method = "GET", headers = {}, body }: Sent = {},
): Promise<{ status: number; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (reply) => {
      reply.resume()
      reply.on("end", () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers }))
    })
    sent.on("upgrade", (_reply, socket) => {
      socket.destroy()
      resolve({ status: 101, headers: {} })
    })
    sent.on("error", reject)
    sent.end(body)
  })
}

const UPGRADE = {
  ...{ connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" },
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}
const bearer = { authorization: `Bearer ${TOKEN}` }

describe("a hub that nobody has to sign in to", () => {
  it.each([
    ["another Host", "/api/control/fleet", { headers: { host: "evil.example.org" } }, 403],
    ["another Origin", "/api/control/fleet", { headers: { origin: "http://evil.example.org" } }, 403],
    [
      "another Origin on the socket",
      "/api/control/ws",
      { headers: { ...UPGRADE, origin: "http://evil.example.org" } },
      403,
    ],
    [
      "another Host on the socket",
      "/api/ws/control",
      { headers: { ...UPGRADE, host: "evil.example.org" } },
      403,
    ],
    ["a claim to be somebody", "/api/control/fleet", { headers: { "remote-user": "admin" } }, 403],
    ["a claim on the socket", "/api/control/ws", { headers: { ...UPGRADE, "remote-user": "admin" } }, 403],
    [
      "a form",
      "/api/control/hosts",
      { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" },
      415,
    ],
    ["a socket", "/api/control/ws", { headers: UPGRADE }, 101],
  ] as const)("answers %s on %s", async (_what, path, sent, status) => {
    expect((await raw(open.url + path, sent)).status).toBe(status)
  })

  it("tells browsers what its pages may do", async () => {
    const { headers } = await raw(`${open.url}/api/health`)
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "content-security-policy": expect.stringContaining("frame-ancestors 'self'"),
      "referrer-policy": "same-origin",
    })
  })
})

describe("a hub with a token", () => {
  it.each([
    ["the fleet without it", "/api/control/fleet", {}, 401],
    ["the fleet under another spelling without it", "/%61pi/control/fleet", {}, 401],
    ["the fleet with it", "/api/control/fleet", { headers: bearer }, 200],
    ["the fleet with another", "/api/control/fleet", { headers: { authorization: "Bearer wrong" } }, 401],
    ["the socket without it", "/api/control/ws", { headers: UPGRADE }, 401],
    ["the socket with it", "/api/control/ws", { headers: { ...UPGRADE, ...bearer } }, 101],
    ["its health", "/api/health", {}, 200],
    ["a page that is not there", "/nothing.js", {}, 404],
  ] as const)("answers who asks for %s", async (_what, path, sent, status) => {
    expect((await raw(closed.url + path, sent)).status).toBe(status)
  })

  it("lets a browser's socket in by its protocols", async () => {
    const url = `${closed.url.replace("http", "ws")}/api/control/ws`
    const token = Buffer.from(TOKEN).toString("base64url")
    const reader = await openReader(url, ["boo.v1", `boo.token.${token}`])
    await reader.until(() => reader.copy().phase === "live", "a snapshot")
    expect(reader.frames[0]).toMatchObject({ kind: "snapshot" })
    reader.close()
    await expect(openReader(url, ["boo.v1", "boo.token.d3Jvbmc"])).rejects.toThrow("did not open")
  })
})
