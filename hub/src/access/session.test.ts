import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"
import { silentLog } from "../platform/log.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { sessionCookie, tokenOfCookie } from "./cookie.ts"
import { tokensStore } from "./store.ts"
import { newToken } from "./tokens.ts"

const TOKEN = "0123456789abcdef;token=1"

let world: World
let sql: Sql
let closed: RunningHub
let reader: { id: string; token: string }
beforeAll(async () => {
  world = await newWorld("session")
  closed = await runHub(world, { env: { BOO_ADMIN_TOKEN: TOKEN } })
  sql = connectPostgres(world.database.url, { log: silentLog })
  const { token, hash } = newToken()
  reader = { id: crypto.randomUUID(), token }
  await tokensStore(sql).insert({ id: reader.id, label: "ann", role: "read", hash, expiresAtMs: null })
  // Every hub hears of it within a second.
  await vi.waitFor(
    async () => {
      if ((await signIn(token)).status !== 200) throw new Error("the token is not known yet")
    },
    { timeout: 10_000 },
  )
})
afterAll(async () => {
  await closed.stop()
  await sql.end()
  await world.end()
})

const json = { "content-type": "application/json" }
const at = (path: string, init: RequestInit = {}) => fetch(new URL(path, closed.url), init)
const signIn = (token: string, headers: Record<string, string> = {}) =>
  at("/api/control/session", {
    ...{ method: "POST", headers: { ...json, ...headers } },
    body: JSON.stringify({ token }),
  })

/** What a browser sends back of what it was told to keep. */
function kept(reply: Response): { cookie: string } {
  return { cookie: (reply.headers.get("set-cookie") ?? "").split(";")[0] ?? "" }
}

describe("signing in", () => {
  it("gives a cookie that no script reads and no other page has sent, and with it everything", async () => {
    const reply = await signIn(TOKEN)
    expect(await reply.json()).toEqual({ kind: "administrator", name: null, role: "admin" })
    expect(reply.headers.get("set-cookie")).toMatch(
      /^boo_session=[^;]+; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/,
    )
    const headers = kept(reply)
    expect((await at("/api/control/fleet", { headers })).status).toBe(200)
    expect(await (await at("/api/control/session", { headers })).json()).toMatchObject({
      kind: "administrator",
    })
    const page = await at("/api/control/leases", {
      method: "POST",
      headers: { ...json, ...headers },
      body: "{}",
    })
    expect(page.status).toBe(400)
  })

  it("lets a token that only reads do no more than that, and sign out", async () => {
    const headers = kept(await signIn(reader.token))
    expect((await at("/api/control/fleet", { headers })).status).toBe(200)
    const write = await at("/api/control/leases", {
      method: "POST",
      headers: { ...json, ...headers },
      body: "{}",
    })
    expect([write.status, await write.json()]).toMatchObject([403, { code: "READ_ONLY_TOKEN" }])
    const out = await at("/api/control/session", { method: "DELETE", headers })
    expect([out.status, out.headers.get("set-cookie")]).toEqual([
      204,
      "boo_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
    ])
  })

  it.each([
    ["0123456789abcdef", 401, "UNAUTHORIZED"],
    [`boo_${"x".repeat(43)}`, 401, "TOKEN_REFUSED"],
    ["", 400, "BAD_REQUEST"],
  ])("refuses %j", async (token, status, code) => {
    const reply = await signIn(token)
    expect([reply.status, await reply.json()]).toMatchObject([status, { code }])
    expect(reply.headers.get("set-cookie")).toBeNull()
  })

  it("is for pages of this hub alone", async () => {
    expect((await signIn(TOKEN, { origin: "https://evil.example.org" })).status).toBe(403)
    const headers = { ...kept(await signIn(TOKEN)), origin: "https://evil.example.org" }
    expect((await at("/api/control/fleet", { headers })).status).toBe(403)
  })
})

describe("a cookie that is no longer good", () => {
  it.each([
    ["of a token that was made up", `boo_session=boo_${"x".repeat(43)}`],
    ["of another hub", "boo_session=something"],
    ["broken", "boo_session=%E0%A4%A"],
  ])("%s is as none: the page loads, and says that nobody is signed in", async (_what, cookie) => {
    const headers = { cookie }
    expect(await (await at("/api/control/session", { headers })).json()).toEqual({
      ...{ kind: "anyone", name: null, role: null },
    })
    const fleet = await at("/api/control/fleet", { headers })
    expect([fleet.status, await fleet.json()]).toMatchObject([401, { code: "UNAUTHORIZED" }])
  })

  it("of a token that was revoked opens nothing", async () => {
    const headers = kept(await signIn(reader.token))
    await tokensStore(sql).revoke(reader.id)
    await expect
      .poll(async () => (await at("/api/control/fleet", { headers })).status, { timeout: 10_000 })
      .toBe(401)
    expect((await signIn(reader.token)).status).toBe(401)
  })
})

describe("the cookie", () => {
  it("keeps any token as it is, below the base path, and to TLS where that is spoken", () => {
    const token = "a b;c=d, é%"
    const cookie = sessionCookie({ token, basePath: "/boo", isTls: true })
    expect(cookie).toMatch(/; Path=\/boo; .*; Secure$/)
    expect(tokenOfCookie(`other=1; ${cookie.split(";")[0] ?? ""}`)).toBe(token)
  })

  it.each([[undefined], [""], ["boo_session="], ["x_boo_session=1"], ["boo_session"]])(
    "is none in %j",
    (header) => {
      expect(tokenOfCookie(header)).toBeNull()
    },
  )
})
