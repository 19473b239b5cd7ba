import { once } from "node:events"
import { request } from "node:http"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as z from "zod/mini"
import { GatewayKey, MadeGatewayKey } from "@boocontrol/shared/gateway"
import { pageOf } from "@boocontrol/shared/http"
import { envelope, model, presence } from "../../test/example-host.ts"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"
import { silentLog } from "../platform/log.ts"
import { connectPostgres } from "../platform/postgres.ts"
import { fakeHost, json } from "./world-for-tests.ts"
import type { FakeHost } from "./world-for-tests.ts"

const TOKEN = "0123456789abcdef-token"
let world: World
let hub: RunningHub
let other: RunningHub
let host: FakeHost
beforeAll(async () => {
  world = await newWorld("keys")
  host = await fakeHost(json(200, { usage: { prompt_tokens: 60, completion_tokens: 40 } }))
  ;[hub, other] = [await runHub(world, { env: { BOO_ADMIN_TOKEN: TOKEN } }), await runHub(world)]
  const seen = other.reader()
  world.say(envelope("presence", presence({ advertise_url: host.url }), { host: "a" }))
  world.say(
    envelope(
      "models",
      { models: ["m", "n"].map((id) => model(id, "ready", { context_length: null })), transitions: [] },
      { host: "a" },
    ),
  )
  const reader = await seen
  await reader.until(() => (reader.host("a")?.models.length ?? 0) > 0, "the models")
})
afterAll(async () => {
  await Promise.all([hub.stop(), other.stop(), host.close()])
  await world.end()
})

const admin = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" }
const ask = (name: string, key: string | null, at: RunningHub = hub, headers: Record<string, string> = {}) =>
  fetch(`${at.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...headers },
    body: JSON.stringify({ model: name, messages: [] }),
  })
const make = async (body: object): Promise<MadeGatewayKey> => {
  const reply = await hub.get("/keys", { method: "POST", headers: admin, body: JSON.stringify(body) })
  expect(reply.status).toBe(201)
  return MadeGatewayKey.parse(await reply.json())
}
const Failed = z.object({ error: z.object({ code: z.string() }) })
const outcome = async (reply: Response) => [
  reply.status,
  reply.ok ? (await reply.text(), "ok") : Failed.parse(await reply.json()).error.code,
]
const listed = async () =>
  pageOf(GatewayKey).parse(await (await hub.get("/keys", { headers: admin })).json()).rows

describe("a key of the gateway", () => {
  it("is not what an administrator's token is", async () => {
    // The first hub hears the same messages as the second, in its own time.
    await expect.poll(async () => outcome(await ask("m", TOKEN)), { timeout: 30_000 }).toEqual([200, "ok"])
  })

  it("lets its holder in where a token is needed, as a bearer or as x-api-key, and nowhere else", async () => {
    const { key } = await make({ label: "boochat" })
    expect(await outcome(await ask("m", key))).toEqual([200, "ok"])
    expect(host.heard.at(-1)?.headers["x-boo-source"]).toBe("boochat")
    expect(await outcome(await ask("m", null, hub, { "x-api-key": key, "x-boo-source": "arena" }))).toEqual([
      200,
      "ok",
    ])
    expect(host.heard.at(-1)?.headers["x-boo-source"]).toBe("arena")
    expect((await hub.get("/hosts", { headers: { authorization: `Bearer ${key}` } })).status).toBe(401)
    expect(await outcome(await ask("m", null))).toEqual([401, "UNAUTHORIZED"])
    expect(await outcome(await ask("m", "wrong"))).toEqual([401, "UNAUTHORIZED"])
  })

  it.each([{ host: "evil.example.org" }, { origin: "http://evil.example.org" }])(
    "is of no use to a page of somebody else: %j",
    async (headers) => {
      const { key } = await make({ label: "stolen" })
      const sent = request(`${hub.url}/v1/models`, {
        headers: { authorization: `Bearer ${key}`, ...headers },
      })
      const replied = once(sent, "response")
      sent.end()
      const [reply] = await replied
      expect(reply.statusCode).toBe(403)
      reply.resume()
    },
  )

  it("is not needed on loopback without a token, where whatever a client sends is let be", async () => {
    expect(await outcome(await ask("m", null, other))).toEqual([200, "ok"])
    expect(await outcome(await ask("m", "sk-anything", other))).toEqual([200, "ok"])
    expect(await outcome(await ask("m", "boo-not-a-key", other))).toEqual([401, "key_unknown"])
  })

  it("uses the models it may, and sees no others", async () => {
    const { key } = await make({ label: "narrow", models: ["m*"] })
    expect(await outcome(await ask("m", key))).toEqual([200, "ok"])
    expect(await outcome(await ask("n", key))).toEqual([403, "model_not_allowed"])
    const models = await (
      await fetch(`${hub.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })
    ).json()
    expect(models).toMatchObject({ data: [{ id: "m" }] })
    const props = (model: string) =>
      fetch(`${hub.url}/props?model=${model}`, { headers: { authorization: `Bearer ${key}` } })
    expect((await props("m")).status).toBe(200)
    expect(await outcome(await props("n"))).toEqual([403, "model_not_allowed"])
  })

  it("uses no other model by naming it once more behind a long prompt", async () => {
    const { key } = await make({ label: "sly", models: ["m"] })
    const body = `{"model":"m","prompt":"${"x".repeat(9_000_000)}","model":"n"}`
    const reply = await fetch(`${hub.url}/v1/completions`, {
      ...{ method: "POST", body, headers: { authorization: `Bearer ${key}` } },
    })
    expect(await outcome(reply)).toEqual([403, "model_not_allowed"])
  })

  it.each([
    ["n", "is bound to models: the last word counts", { models: ["*"] }],
    ["n", "is bound to money", { money_per_month: 1_000 }],
    [
      "m",
      "is bound to nothing that goes by the model: the body goes on as it comes",
      { tokens_per_day: 1e9 },
    ],
  ])("asks for %s, when a long body names two models and the key %s", async (asked, _why, bounds) => {
    const { key } = await make({ label: "thrifty", ...bounds })
    const body = `{"model":"m","prompt":"${"x".repeat(9_000_000)}","model":"n"}`
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" }
    const reply = await fetch(`${hub.url}/v1/completions`, { method: "POST", body, headers })
    expect([reply.status, reply.headers.get("x-boo-model")]).toEqual([200, asked])
    expect(host.heard.at(-1)?.body.slice(0, 12)).toBe(`{"model":"${asked}"`)
  })

  it.each([1, 200_000])(
    "sends no form that names two models, before and behind a file of %d bytes",
    async (bytes) => {
      const { key } = await make({ label: "two-faced", models: ["m"] })
      const body = new FormData()
      body.append("model", "m")
      body.append("file", new Blob(["x".repeat(bytes)]), "a.wav")
      body.append("model", "n")
      const headers = { authorization: `Bearer ${key}` }
      const heard = host.heard.length
      const reply = await fetch(`${hub.url}/v1/audio/transcriptions`, { method: "POST", body, headers })
      expect(await outcome(reply)).toEqual([400, "two_models"])
      expect(host.heard).toHaveLength(heard)
    },
  )

  it("says so where a request alone is more than its bound, and not to come again", async () => {
    const { key } = await make({ label: "small", tokens_per_min: 10 })
    const reply = await fetch(`${hub.url}/v1/completions`, {
      ...{ method: "POST", headers: { authorization: `Bearer ${key}` } },
      body: JSON.stringify({ model: "m", prompt: "", max_tokens: 50 }),
    })
    expect([reply.status, reply.headers.get("retry-after")]).toEqual([429, null])
    expect(await reply.text()).toMatch(/may take \d+ tokens, and the key small has 10 tokens per minute/)
  })

  it("is exact at its bound, however many ask at once", async () => {
    const { key } = await make({ label: "few", requests_per_min: 7 })
    const replies = await Promise.all(Array.from({ length: 30 }, () => ask("m", key)))
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(7)
    const refused = replies.find(({ status }) => status === 429)
    expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThan(50)
    expect(refused && (await outcome(refused))).toEqual([429, "requests_per_min"])
  })

  it("has what it used told and kept", async () => {
    const { key, id } = await make({ label: "budget", tokens_per_day: 150 })
    expect((await ask("m", key)).status).toBe(200)
    expect((await ask("m", key, hub, { "x-boo-source": "arena", "user-agent": "check/1" })).status).toBe(200)
    await expect.poll(async () => outcome(await ask("m", key))).toEqual([429, "tokens_per_day"])
    const row = (await listed()).find((each) => each.id === id)
    expect(row).toMatchObject({
      used: { requests_minute: 2, tokens_minute: 200, tokens_day: 200, tokens_month: 200 },
      last_used_at: expect.any(String),
      last_used_by: { source: "arena", client_ip: "127.0.0.1", user_agent: "check/1" },
    })
    const sql = connectPostgres(world.database.url, { log: silentLog })
    const stored = () => sql`select tokens, requests from gateway_key_usage where key_id = ${id}`
    await expect
      .poll(async () => [...(await stored())], { timeout: 30_000 })
      .toEqual([{ tokens: 200, requests: 2 }])
    expect([...(await sql`select last_used_by from gateway_keys where id = ${id}`)]).toEqual([
      { last_used_by: row?.last_used_by },
    ])
    expect(JSON.stringify(await sql`select * from gateway_keys`)).not.toContain(key)
    await sql.end()
  })

  it("is counted among the figures of the gateway", async () => {
    const text = await (await fetch(`${hub.url}/metrics`, { headers: admin })).text()
    expect(text).toMatch(/boo_gateway_requests_total\{endpoint="chat",outcome="answered"\} [1-9]/)
    expect(text).toMatch(/boo_gateway_first_byte_seconds_count\{endpoint="chat"\} [1-9]/)
  })

  it("ends when it expires or is revoked, on every hub", async () => {
    const expired = await make({ label: "old", expires_at: "2026-01-01T00:00:00.000Z" })
    expect(await outcome(await ask("m", expired.key))).toEqual([401, "key_expired"])
    const { key, id } = await make({ label: "leaver" })
    await expect
      .poll(async () => outcome(await ask("m", key, other)), { timeout: 30_000 })
      .toEqual([200, "ok"])
    const revoke = () =>
      hub.get(`/keys/${id}`, { method: "DELETE", headers: { authorization: admin.authorization } })
    expect((await revoke()).status).toBe(204)
    expect((await revoke()).status).toBe(404)
    expect(await outcome(await ask("m", key))).toEqual([401, "key_revoked"])
    await expect
      .poll(async () => outcome(await ask("m", key, other)), { timeout: 30_000 })
      .toEqual([401, "key_revoked"])
  })

  it.each([
    { label: "Not A Label" },
    { label: "x", requests_per_min: 0 },
    { label: "x", tokens_per_min: 3_000_000_000 },
    { label: "x", expires_at: "2026-12-01" },
    { label: "x", more: 1 },
    {},
  ])("cannot be made of %j", async (body) => {
    const reply = await hub.get("/keys", { method: "POST", headers: admin, body: JSON.stringify(body) })
    expect(reply.status).toBe(400)
    expect(await reply.text()).not.toContain("pattern")
  })
})
