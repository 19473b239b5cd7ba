import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { ErrorBody } from "@boocontrol/shared/errors"
import { GatewayModels } from "@boocontrol/shared/gateway"
import { LeaseGrant } from "@boocontrol/shared/leases"
import { pageOf } from "@boocontrol/shared/http"
import { PolicyCheck, RoutePolicyRow, SavedPolicy } from "@boocontrol/shared/route-policy"
import {
  ReplayReply,
  ResolveReply,
  RouteDispatch,
  RouteExplanation,
  RouteScores,
  RouteTarget,
} from "@boocontrol/shared/routing"
import { envelope, model, presence } from "../../test/example-host.ts"
import type { GatewayAsk } from "./ports.ts"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"

let world: World
let hub: RunningHub
beforeAll(async () => {
  world = await newWorld("routing")
  hub = await runHub(world)
  const reader = await hub.reader()
  const say = (host: string, ...models: ReturnType<typeof model>[]): void => {
    const head = { host, atMs: Date.now() }
    world.say(envelope("presence", presence({ advertise_url: `http://${host}:8080` }), head))
    world.say(envelope("models", { models, transitions: [] }, { ...head, seq: 1 }))
  }
  say("warm", model("qwen3-8b", "ready"), model("qwen3-coder-30b-a3b", "stopped", { quant: "Q4_K_M" }))
  say("cold", model("qwen3-8b", "stopped"))
  await reader.until(() => (reader.host("cold")?.models.length ?? 0) > 0, "the hosts")
  await reader.until(() => (reader.host("warm")?.models.length ?? 0) > 0, "the hosts")
})
afterAll(async () => {
  await hub.stop()
  await world.end()
})

const post = async (path: string, body: unknown) => hub.send("POST", `/routing/${path}`, body)
const explained = async (body: unknown) => RouteExplanation.parse(await (await post("explain", body)).json())
const code = async (reply: Response) => [reply.status, ErrorBody.parse(await reply.json()).code]

const ASK: GatewayAsk = {
  ...{
    requestId: "r",
    endpoint: "chat",
    servedBy: "any",
    model: "qwen3-8b",
    stream: true,
    source: "people",
    keyLabel: null,
  },
  ...{ lease: null, promptBytes: 400, maxTokens: null, hasTools: false, hasImages: false, session: null },
  ...{ prefix: null, headers: new Map<string, string>() },
  ...{ path: "/v1/chat/completions", clientIp: null, userAgent: null },
}

describe("policies", () => {
  it("are there from the first minute, and explain themselves", async () => {
    const rows = pageOf(RoutePolicyRow).parse(await (await hub.get("/routing/policies")).json()).rows
    expect(rows.map(({ name, builtin }) => [name, builtin])).toEqual(
      ["auto", "cheap", "code", "fast"].map((name) => [name, true]),
    )
    const told = await explained({ model: "auto:code" })
    expect(told).toMatchObject({ as: "policy", policy: "code", chosen: { model: "qwen3-coder-30b-a3b" } })
    expect(told.candidates).toHaveLength(3)
    expect((await explained({ model: "qwen3-8b" })).chosen).toEqual({
      provider_id: "warm",
      model: "qwen3-8b",
    })
  })

  it("are saved by version, as YAML too, and in force when the answer is there", async () => {
    const yaml = "name: mine\nrules:\n  - candidates:\n      - hosts: [cold]\n    order: fast\n"
    const made = await post("policies", { yaml })
    expect(made.status).toBe(201)
    expect(RoutePolicyRow.parse(await made.json())).toMatchObject({
      name: "mine",
      version: 1,
      created_by: "local",
    })
    expect((await explained({ model: "auto:mine" })).chosen?.provider_id).toBe("cold")
    const policy = { name: "mine", rules: [{ candidates: [{ hosts: ["warm"] }], order: "fast" }] }
    const changed = await hub.send("PUT", "/routing/policies/mine", { policy, version: 1 })
    const told = await explained({ model: "auto:mine" })
    expect([changed.status, told.policy_version, told.chosen?.provider_id]).toEqual([200, 2, "warm"])
    expect(await code(await hub.send("PUT", "/routing/policies/mine", { policy, version: 1 }))).toEqual([
      409,
      "POLICY_CHANGED",
    ])
    expect(await code(await post("policies", { policy }))).toEqual([409, "POLICY_EXISTS"])
    const versions = await (await hub.get("/routing/policies/mine/versions")).json()
    expect(
      pageOf(RoutePolicyRow)
        .parse(versions)
        .rows.map(({ version }) => version),
    ).toEqual([2, 1])
    const gone = await hub.get("/routing/policies/mine", { method: "DELETE" })
    expect([gone.status, (await explained({ model: "auto:mine" })).as]).toEqual([204, "nothing"])
  })

  it("change while requests come: each is decided by one version, the new one as soon as the save is answered", async () => {
    const rule = { candidates: [{ hosts: ["warm"], models: ["qwen3-8b"] }], order: "fast" }
    const swing = (name: string) => ({ policy: { name: "swing", rules: [{ ...rule, name }] } })
    await post("policies", swing("before"))
    const decided: { rule: string | null; afterSave: boolean }[] = []
    const saved = { isDone: false }
    const send = async (): Promise<void> => {
      const ask: GatewayAsk = { ...ASK, requestId: `swing-${decided.length}`, model: "auto:swing" }
      const told = hub.app.routing.open(ask)
      const attempt = await told.next()
      decided.push({
        rule: attempt.kind === "attempt" ? attempt.host : attempt.reason,
        afterSave: saved.isDone,
      })
      if (attempt.kind === "attempt")
        attempt.finished({ status: 200, firstByteMs: 1, durationMs: 1, usage: null })
      told.close({ outcome: "answered" })
    }
    const saving = hub
      .send("PUT", "/routing/policies/swing", swing("after"))
      .then(() => (saved.isDone = true))
    while (!saved.isDone || decided.length < 200) {
      await send()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await saving
    expect(new Set(decided.map(({ rule: host }) => host))).toEqual(new Set(["warm"]))
    const all = async () =>
      pageOf(RouteDispatch).parse(await (await hub.get("/routing/dispatches?policy=swing&limit=1000")).json())
        .rows
    await expect
      .poll(async () => (await all()).length, { timeout: 30_000 })
      .toBe(Math.min(1000, decided.length))
    const turn = ({ request_id: id }: RouteDispatch): number => Number(id?.split("-")[1])
    const rows = (await all()).toSorted((a, b) => turn(a) - turn(b))
    const rules = rows.map(({ rule: name, policy_version: version }) => `${name} ${version}`)
    expect([...new Set(rules)].filter((name) => !["before 1", "after 2"].includes(name))).toEqual([])
    expect(rules).toEqual([...rules].sort().reverse())
    const late = decided.findIndex(({ afterSave }) => afterSave)
    expect(rules.at(-1)).toBe("after 2")
    expect(late).toBeLessThan(decided.length)
  })

  it("that are not valid are refused with every problem, and change nothing", async () => {
    const yaml = "name: Bad Name\nrules:\n  - order: fast\n  - task: code\n    order: sideways\n"
    const checked: unknown = await (await post("policies/check", { yaml })).json()
    expect(checked).toMatchObject({
      ok: false,
      problems: [
        { path: "name", line: 1 },
        { path: "rule 2, order", line: 5 },
      ],
    })
    const lineOf = async (text: string): Promise<(number | null)[]> => {
      const told = PolicyCheck.parse(await (await post("policies/check", { yaml: text })).json())
      return told.problems.map(({ line }) => line)
    }
    expect(
      await lineOf('{\n  "name": "p",\n  "rules": [\n    { "order": "fast" "task": "code" }\n  ]\n}'),
    ).toContain(4)
    expect(await lineOf("name: p\nrules:\n  - order: fast\n    oder: fast\n")).toEqual([4])
    expect(await lineOf("description: no name\n")).toEqual([1, 1])
    expect(
      await lineOf("name: p\nrules:\n  - order: worst\n    x: 1\n    candidates: [{ hosts: [] }]\n"),
    ).toEqual([3, 4, 5])
    expect(await lineOf("")).toEqual([null])
    const { problems } = PolicyCheck.parse(checked)
    const refused = await post("policies", { yaml })
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      {
        code: "POLICY_INVALID",
        details: { problems },
        error: expect.stringContaining("rule 2, order: must be"),
      },
    ])
    const asJson = {
      policy: { name: "Bad Name", rules: [{ order: "fast" }, { task: "code", order: "sideways" }] },
    }
    for (const refusal of [
      await post("policies", asJson),
      await hub.send("PUT", "/routing/policies/mine", asJson),
      await hub.send("POST", "/routing/explain", asJson),
      await hub.send("POST", "/routing/replay", asJson),
    ])
      expect([refusal.status, await refusal.json()]).toMatchObject([
        400,
        { code: "POLICY_INVALID", details: { problems: problems.map((one) => ({ ...one, line: null })) } },
      ])
    expect(await code(await post("policies", { yaml: "a: [" }))).toEqual([400, "POLICY_INVALID"])
    const both = { yaml: "name: one\nrules: [{}]", policy: { name: "other", rules: [{}] } }
    expect(await code(await post("policies", both))).toEqual([400, "POLICY_INVALID"])
    expect(
      await code(await hub.send("PUT", "/routing/policies/gone", { policy: { name: "gone", rules: [{}] } })),
    ).toEqual([404, "POLICY_NOT_FOUND"])
  })

  it("that name what is not there are saved, and the answer says so as the check did", async () => {
    const yaml = "name: doubtful\nrules:\n  - candidates:\n      - hosts: [wram]\n"
    const doubt = {
      ...{ path: "rule 1, candidate 1, hosts, entry 1", line: 4 },
      message: 'fits no host that is known now: did you mean "warm"?',
    }
    const { ok, doubts } = PolicyCheck.parse(await (await post("policies/check", { yaml })).json())
    expect([ok, doubts]).toEqual([true, [doubt]])
    const saved = await post("policies", { yaml })
    expect([saved.status, SavedPolicy.parse(await saved.json()).doubts]).toEqual([201, [doubt]])
    await hub.get("/routing/policies/doubtful", { method: "DELETE" })
  })

  it("are tried out on a request, and on what was stored, without being saved", async () => {
    const policy = { name: "draft", rules: [{ candidates: [{ models: ["*coder*"] }], order: "fast" }] }
    expect((await explained({ model: "auto:draft", policy })).chosen?.model).toBe("qwen3-coder-30b-a3b")
    const night = {
      ...policy,
      rules: [{ ...policy.rules[0], match: { time: { from: "22:00", to: "23:00" } } }],
    }
    const at = async (asked_at: string) => explained({ model: "auto:draft", policy: night, asked_at })
    expect((await at("2026-11-26T22:30:00.000Z")).chosen?.model).toBe("qwen3-coder-30b-a3b")
    expect(await at("2026-11-26T12:30:00.000Z")).toMatchObject({
      ...{ chosen: null, rules: [{ name: "rule 1", is_used: false, misses: ["time"] }] },
    })
    const played = ReplayReply.parse(await (await post("replay", { policy })).json())
    expect(played.with_policy).toMatchObject({ requests: 0, swaps: 0 })
  })
})

it("lists what a policy leads to now, and what it can", async () => {
  const { data } = GatewayModels.parse(await (await fetch(`${hub.url}/v1/models`)).json())
  const auto = data.find(({ id }) => id === "auto")
  expect(auto).toMatchObject({ status: { value: "loaded" }, boo: { kind: "virtual" } })
  expect(auto?.context_length).toBeGreaterThan(0)
  // One of them holds two models that fit: it stands there once.
  expect(auto?.boo.hosts.map(({ host }) => host).sort()).toEqual(["cold", "warm"])
  const code = data.find(({ id }) => id === "auto:code")
  expect(code?.boo.hosts[0]).toEqual({ host: "warm", state: "stopped" })
})

it("sends nothing to a host from the answer on that it is switched off or leased", async () => {
  const why = async () => (await explained({ model: "cold/qwen3-8b" })).candidates.map(({ reason }) => reason)
  await expect.poll(why, { timeout: 30_000 }).toEqual([null])
  const lease = { provider_id: "cold", holder: "trainer", purpose: "training", mode: "exclusive", ttl_s: 60 }
  for (let turn = 0; turn < 5; turn++) {
    const granted = LeaseGrant.parse(await (await hub.send("POST", "/leases", lease)).json())
    expect(await why()).toEqual(["leased"])
    await hub.get(`/leases/${granted.lease_id}`, { method: "DELETE" })
    await expect.poll(why, { timeout: 30_000 }).toEqual([null])
  }
  const twin = "cold-2"
  const head = { host: twin, atMs: Date.now() }
  world.say(envelope("presence", presence({ advertise_url: "http://twin:8080" }), head))
  world.say(
    envelope("models", { models: [model("twin-only", "ready")], transitions: [] }, { ...head, seq: 1 }),
  )
  const reason = async () =>
    (await explained({ model: "cold-2/twin-only" })).candidates.map(({ reason: of }) => of)
  await expect.poll(reason, { timeout: 30_000 }).toEqual([null])
  for (let turn = 0; turn < 5; turn++) {
    await hub.send("PATCH", `/hosts/${twin}`, { enabled: false })
    expect(await reason()).toEqual(["disabled"])
    await hub.send("PATCH", `/hosts/${twin}`, { enabled: true })
    expect(await reason()).not.toEqual(["disabled"])
  }
  await hub.get(`/hosts/${twin}`, { method: "DELETE" })
})

it("says which stored ids lead to a host that is switched off", async () => {
  world.say(
    envelope("presence", presence({ advertise_url: "http://off:8080" }), { host: "off", atMs: Date.now() }),
  )
  const only = envelope(
    "models",
    { models: [model("only-here", "ready")], transitions: [] },
    {
      ...{ host: "off", atMs: Date.now(), seq: 1 },
    },
  )
  world.say(only)
  const asked = async () => {
    const reply = await post("resolve", { ids: ["only-here"] })
    return ResolveReply.parse(await reply.json()).rows[0]
  }
  await expect.poll(async () => (await asked())?.route, { timeout: 30_000 }).toBe("gateway")
  await hub.send("PATCH", "/hosts/off", { enabled: false })
  await expect
    .poll(asked, { timeout: 30_000 })
    .toEqual({ id: "only-here", route: "gateway_error", reason: "off is switched off" })
  await hub.get("/hosts/off", { method: "DELETE" })
})

it("says which stored ids of another application are gone, and leaves them as they are", async () => {
  const reply = await post("resolve", {
    ids: ["qwen3-8b", "auto:gone", "warm/qwen3-8b", "warm/none", "auto"],
  })
  const { rows } = ResolveReply.parse(await reply.json())
  expect(rows.map(({ id, route }) => [id, route])).toEqual([
    ["qwen3-8b", "gateway"],
    ["auto:gone", "gateway_error"],
    ["warm/qwen3-8b", "gateway"],
    ["warm/none", "gateway_error"],
    ["auto", "gateway"],
  ])
})

it("scores every model, with what is best for what and what it would take", async () => {
  const { rows } = RouteScores.parse(await (await hub.get("/routing/scores")).json())
  expect(rows.map(({ provider_id: id, model: name, status }) => [id, name, status])).toEqual(
    expect.arrayContaining([
      ["warm", "qwen3-8b", "loaded"],
      ["warm", "qwen3-coder-30b-a3b", "swap_needed"],
      ["cold", "qwen3-8b", "swap_needed"],
    ]),
  )
  expect(rows.find(({ best_for: best }) => best.includes("code"))?.model).toBe("qwen3-coder-30b-a3b")
})

describe("targets", () => {
  const target = {
    ...{ target_id: "cloud", display_name: "Cloud", dialect: "openai", base_url: "https://api.example.com" },
    ...{ models: [{ id: "big", input_per_mtok: 1, output_per_mtok: 4 }], credential: "secret-of-the-cloud" },
  }
  it("are candidates by name, their credential is never shown, and stored sealed", async () => {
    const made = await post("targets", target)
    const text = await made.text()
    expect(made.status).toBe(201)
    expect(RouteTarget.parse(JSON.parse(text))).toMatchObject({ target_id: "cloud", has_credential: true })
    expect(text + (await (await hub.get("/routing/targets")).text())).not.toContain("secret-of-the-cloud")
    expect((await explained({ model: "cloud/big" })).chosen).toEqual({ provider_id: "cloud", model: "big" })
    expect((await explained({ model: "auto" })).candidates.some(({ kind }) => kind === "target")).toBe(false)
    const patched = await hub.send("PATCH", "/routing/targets/cloud", { enabled: false, credential: null })
    expect(patched.status).toBe(200)
    expect(RouteTarget.parse(await patched.json())).toMatchObject({ enabled: false, has_credential: false })
    expect((await explained({ model: "cloud/big" })).refusal?.reason).toBe("offline")
    expect(await code(await post("targets", { ...target, target_id: "warm" }))).toEqual([
      409,
      "TARGET_EXISTS",
    ])
    expect((await hub.get("/routing/targets/cloud", { method: "DELETE" })).status).toBe(204)
    expect(await code(await hub.get("/routing/targets/cloud", { method: "DELETE" }))).toEqual([
      404,
      "TARGET_NOT_FOUND",
    ])
  })

  it("of Anthropic's dialect serve its requests and no others, and a policy leads to them", async () => {
    await post("targets", { ...target, target_id: "afar", dialect: "anthropic" })
    expect((await explained({ model: "afar/big" })).candidates).toMatchObject([{ reason: "dialect" }])
    const told = await explained({ model: "afar/big", endpoint: "messages" })
    expect(told.chosen).toEqual({ provider_id: "afar", model: "big" })
    await post("policies", { policy: { name: "afar", rules: [{ candidates: [{ targets: ["afar"] }] }] } })
    const { data } = GatewayModels.parse(await (await fetch(`${hub.url}/v1/models`)).json())
    expect(data.find(({ id }) => id === "auto:afar")?.status.value).toBe("loaded")
    await hub.get("/routing/policies/afar", { method: "DELETE" })
    await hub.get("/routing/targets/afar", { method: "DELETE" })
  })
})

it("keeps every decision with all its candidates, newest first, and tells other tools", async () => {
  const heard: unknown[] = []
  world.nc.subscribe("boo.v1.hub.dispatch", {
    callback: (_error, message) => void heard.push(message.json()),
  })
  await world.nc.flush()
  const ask = {
    ...{ ...ASK, requestId: "req-1", session: "s-1", clientIp: "10.0.0.9", userAgent: "curl/8" },
  } satisfies GatewayAsk
  const passage = hub.app.routing.open(ask)
  const attempt = await passage.next()
  expect(attempt).toMatchObject({ kind: "attempt", host: "warm", baseUrl: "http://warm:8080" })
  if (attempt.kind === "attempt")
    attempt.finished({
      status: 200,
      firstByteMs: 12,
      durationMs: 90,
      usage: { promptTokens: 100, cacheTokens: 0, outputTokens: 20 },
    })
  passage.close({ outcome: "answered" })
  const Dispatches = pageOf(RouteDispatch)
  const stored = async () =>
    Dispatches.parse(await (await hub.get("/routing/dispatches?request_id=req-1")).json()).rows
  await expect.poll(async () => (await stored()).length, { timeout: 30_000 }).toBe(1)
  const [row] = await stored()
  expect(row).toMatchObject({
    provider_id: "warm",
    outcome: "ok",
    attempt: 1,
    swap: false,
    ttft_ms: 12,
    source: "people",
    ...{ path: "/v1/chat/completions", status_code: 200, client_ip: "10.0.0.9", user_agent: "curl/8" },
    session_id: "s-1",
    ...{
      tools: false,
      images: false,
      asked_tokens: 100,
      prompt_tokens: 100,
      output_tokens: 20,
      headers: null,
    },
  })
  const asked = pageOf(RouteDispatch).parse(
    await (await hub.get("/routing/dispatches?asked_model=nobody")).json(),
  )
  expect(asked.rows).toEqual([])
  expect(row?.candidates.map(({ provider_id: id, verdict }) => [id, verdict])).toEqual([
    ["warm", "chosen"],
    ["cold", "beaten"],
  ])
  await expect.poll(() => heard.length).toBe(1)
  expect(heard).toEqual([row])
})
