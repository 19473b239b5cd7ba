import { randomUUID } from "node:crypto"
import { request } from "node:http"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"
import { openReader } from "../../test/reader.ts"
import { silentLog } from "../platform/log.ts"
import { connectPostgres } from "../platform/postgres.ts"
import { tokensStore } from "./store.ts"
import { newToken } from "./tokens.ts"

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

describe("tokens that were made here", () => {
  const sql = () => connectPostgres(world.database.url, { log: silentLog, max: 1 })
  const make = async (label: string, role: "admin" | "read", expiresAtMs: number | null = null) => {
    const { token, hash } = newToken()
    const db = sql()
    await tokensStore(db).insert({ id: randomUUID(), label, role, hash, expiresAtMs })
    await db.end()
    return { authorization: `Bearer ${token}` }
  }
  const status = async (headers: Record<string, string>, sent: Sent = {}, path = "/api/control/fleet") =>
    (await raw(closed.url + path, { ...sent, headers: { ...headers, ...sent.headers } })).status
  const writing = { method: "POST", headers: { "content-type": "application/json" } }
  const host = (id: string) => ({ ...writing, body: JSON.stringify({ provider_id: id }) })

  it("let a program read, and refuse what it may not write", async () => {
    const headers = await make("reader", "read")
    await expect.poll(() => status(headers), { timeout: 30_000 }).toBe(200)
    expect(await status(headers, { headers: UPGRADE }, "/api/control/ws")).toBe(101)
    expect(await status(headers, host("mine"), "/api/control/hosts")).toBe(403)
    expect(await status(headers, { ...writing, body: '{"model":"m"}' }, "/v1/chat/completions")).toBe(403)
    expect(await status(headers, {}, "/v1/models")).toBe(200)
  })

  it("let an administrator write, say when they were used, and are refused once revoked", async () => {
    const headers = await make("boss", "admin")
    await expect.poll(() => status(headers), { timeout: 30_000 }).toBe(200)
    expect(await status(headers, host("theirs"), "/api/control/hosts")).toBe(201)
    const other = await runHub(world, { env: { BOO_ADMIN_TOKEN: TOKEN } })
    await fetch(`${other.url}/api/control/fleet`, { headers })
    await other.stop()
    const db = sql()
    const stored = (await tokensStore(db).all()).find(({ label }) => label === "boss")
    expect(stored?.last_used_at_ms).toBeGreaterThan(0)
    await tokensStore(db).revoke("boss")
    await db.end()
    await expect.poll(() => status(headers), { timeout: 30_000 }).toBe(401)
    const refused = await fetch(`${open.url}/api/control/fleet`, { headers })
    expect([refused.status, await refused.json()]).toEqual([
      401,
      expect.objectContaining({
        code: "TOKEN_REFUSED",
        error: expect.stringContaining("(boss) was revoked"),
      }),
    ])
  })

  it("end when they were said to", async () => {
    const headers = await make("late", "admin", 1_000)
    await expect
      .poll(async () => (await fetch(`${closed.url}/api/control/fleet`, { headers })).text(), {
        timeout: 30_000,
      })
      .toContain("(late) has expired")
  })
})
