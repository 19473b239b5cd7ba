import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { ActionAccepted, HostAction, QueueFullDetails } from "@boocontrol/shared/actions"
import { AuditRow } from "@boocontrol/shared/audit"
import { Command } from "@boocontrol/shared/commands"
import { ErrorBody } from "@boocontrol/shared/errors"
import { pageOf } from "@boocontrol/shared/http"
import { LeaseGrant } from "@boocontrol/shared/leases"
import type { ModelState } from "@boocontrol/shared/models"
import { subjects } from "@boocontrol/shared/subjects"
import { envelope, hostId, model, presence } from "../../test/example-host.ts"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"
import type { Reader } from "../../test/reader.ts"

const Actions = pageOf(HostAction)

let world: World
let hub: RunningHub
let other: RunningHub
beforeAll(async () => {
  world = await newWorld("actions")
  hub = await runHub(world)
  other = await runHub(world)
})
afterAll(async () => {
  await Promise.all([hub.stop(), other.stop()])
  await world.end()
})

interface Told {
  verb: string
  command: Command
}

let hosts = 0
/** A host with a sidecar that takes what it is told, and ends it when the test says so. */
/** Commands reach the host beside the frames, not with them: a reader would only look when the next frame comes. */
const untilTold = (told: readonly Told[], count: number) =>
  expect.poll(() => told.length, { timeout: 30_000, interval: 10 }).toBe(count)

async function newHost(states: Record<string, ModelState> = { a: "stopped", b: "ready" }) {
  const id = hostId(`acted-${(hosts += 1)}`)
  const told: Told[] = []
  let seq = 0
  const say = {
    models: (next: Record<string, ModelState>) => {
      const models = Object.entries(next).map(([name, state]) =>
        model(name, state, { aliases: [`alias-${name}`] }),
      )
      world.say(
        envelope("models", { models, transitions: [] }, { host: id, seq: (seq += 1), atMs: Date.now() }),
      )
    },
    liveness: (liveness: "connected" | "reconnecting") =>
      world.say(envelope("presence", presence({ engine: { liveness } }), { host: id, atMs: Date.now() })),
    ended: (told_: Told | undefined, error?: { code: string; message: string }) => {
      const outcome = error ? { ok: false, error } : { ok: true, data: { state: "ready", took_ms: 40 } }
      const data = { id: told_?.command.id ?? "", ...outcome }
      world.say(envelope("result", data, { host: id, seq: (seq += 1), atMs: Date.now() }))
    },
    inflight: (started_at: string) => {
      const request = {
        ...{
          id: "7",
          started_at,
          model: "b",
          req_path: "/v1/chat/completions",
          method: "POST",
          phase: "answering",
        },
        ...{
          resp_bytes: 1,
          headers: {},
          source: null,
          request_id: null,
          client_ip: null,
          user_agent: null,
          session_id: null,
        },
      }
      world.say(
        envelope("inflight", { requests: [request as never], total: 1 }, { host: id, atMs: Date.now() }),
      )
    },
  }
  const subscription = world.nc.subscribe(subjects.commandsOf(id), {
    callback: (_, message) => {
      const verb = message.subject.split(".").at(-1) ?? ""
      if (verb === "refused" || !message.reply) return
      const command = Command.parse(message.json())
      const repeated = told.some((known) => known.command.id === command.id)
      told.push({ verb, command })
      message.respond(JSON.stringify({ accepted: true, id: command.id, ...(repeated ? { repeated } : {}) }))
    },
  })
  await world.nc.flush()
  say.liveness("connected")
  say.models(states)
  const reader = await hub.reader()
  const there = await other.reader()
  const knows = (at: Reader) => () =>
    at.host(id)?.liveness === "connected" && (at.host(id)?.models[0]?.state ?? null) !== null
  await reader.until(knows(reader), "the host")
  await there.until(knows(there), "the host")
  const actions = () => reader.host(id)?.actions ?? []
  return { id, told, say, reader, actions, subscription }
}

async function ask(id: string, body: unknown, { at = hub, query = "", lease = "" } = {}) {
  const reply = await at.get(`/hosts/${id}/actions${query}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...(lease ? { "x-boo-lease": lease } : {}) },
  })
  const json: unknown = await reply.json()
  return { status: reply.status, json }
}
const refusal = async (...given: Parameters<typeof ask>) => {
  const { status, json } = await ask(...given)
  return { status, ...ErrorBody.parse(json) }
}
const lease = async (id: string, mode: "exclusive" | "shared" = "exclusive") => {
  const body = { provider_id: id, holder: "nightly", purpose: "speed bench", mode, ttl_s: 60 }
  return LeaseGrant.parse(await (await hub.send("POST", "/leases", body)).json())
}
const warm = (name: string) => ({ action: "warm", model: name })

describe("an action", () => {
  it("is taken, shown, done on its host and kept with how long it took", async () => {
    const { id, told, say, reader, actions } = await newHost()
    const { status, json } = await ask(id, warm("alias-a"))
    const { action_id, position } = ActionAccepted.parse(json)
    expect([status, position]).toEqual([202, 1])
    await reader.until(() => actions()[0]?.state === "running", "it runs")
    await untilTold(told, 1)
    expect(told[0]).toMatchObject({ verb: "warm", command: { id: action_id, args: { model: "a" } } })
    say.ended(told[0])
    await reader.until(() => actions()[0]?.state === "done", "it is done")
    const { rows } = Actions.parse(await (await other.get(`/hosts/${id}/actions`)).json())
    expect(rows).toMatchObject([{ action_id, state: "done", took_ms: 40, model: "a", actor: "local" }])
  })

  it("that fails says why, in the host's words", async () => {
    const { id, told, say, reader, actions } = await newHost()
    await ask(id, warm("a"))
    await untilTold(told, 1)
    say.ended(told[0], { code: "COMMAND_FAILED", message: "no room on the card" })
    await reader.until(() => actions()[0]?.state === "failed", "it failed")
    expect(actions()[0]?.reason).toBe("no room on the card")
  })

  it.each([
    ["an unknown model", { action: "warm", model: "zz" }, 404, "MODEL_NOT_FOUND", "a, b"],
    ["an unknown action", { action: "explode" }, 400, "BAD_REQUEST", ""],
    ["no model", { action: "warm" }, 400, "BAD_REQUEST", "model"],
    [
      "a request that is over",
      { action: "cancel", inflight_id: "1", started_at: "2026-11-26T10:00:00.000Z" },
      404,
      "REQUEST_NOT_IN_FLIGHT",
      "",
    ],
  ])("with %s is refused and names what exists", async (_, body, status, code, words) => {
    const { id, say, reader } = await newHost()
    say.inflight("2026-11-26T12:00:00.000Z")
    await reader.until(() => reader.host(id)?.inflight_total === 1, "a request")
    const refused = await refusal(id, body)
    expect([refused.status, refused.code]).toEqual([status, code])
    expect(refused.error).toContain(words)
    expect((await refusal("nowhere", warm("a"))).error).toContain(id)
  })

  it("on a host that cannot be asked is refused before anything else is looked at", async () => {
    const { id, say, reader } = await newHost()
    await lease(id)
    say.liveness("reconnecting")
    await reader.until(() => reader.host(id)?.liveness === "reconnecting", "it is away")
    const refused = await refusal(id, warm("a"))
    expect([refused.status, refused.code]).toEqual([409, "HOST_OFFLINE"])
    expect(refused.error).toContain("host offline")
  })
})

describe("a queue", () => {
  it("is done in order over two hubs, one at a time, and refuses the sixth with what is in it", async () => {
    const { id, told, say, reader, actions } = await newHost({ a: "stopped", b: "stopped" })
    for (let n = 0; n < 5; n += 1)
      expect((await ask(id, warm(n % 2 === 0 ? "a" : "b"), { at: n % 2 === 0 ? hub : other })).status).toBe(
        202,
      )
    const full = await refusal(id, warm("a"))
    expect([full.status, full.code]).toEqual([429, "QUEUE_FULL"])
    const { queue } = QueueFullDetails.parse(full.details)
    expect(queue.map((entry) => entry.model)).toEqual(["a", "b", "a", "b", "a"])
    for (let n = 1; n <= 5; n += 1) {
      await untilTold(told, n)
      expect(actions().filter(({ state }) => state === "running").length).toBeLessThanOrEqual(1)
      say.ended(told[n - 1])
    }
    await reader.until(() => actions().filter(({ state }) => state === "done").length === 5, "all done")
    expect(told.map(({ command }) => (command.args as { model: string }).model)).toEqual([
      "a",
      "b",
      "a",
      "b",
      "a",
    ])
  })

  it("skips what is not needed at its turn, says why, and goes on with the next", async () => {
    const { id, told, say, reader, actions } = await newHost({ a: "stopped", b: "ready" })
    await ask(id, { action: "unload", model: "b" })
    await ask(id, warm("a"))
    await ask(id, { action: "unload", model: "b" })
    await untilTold(told, 1)
    say.models({ a: "ready", b: "stopped" })
    await reader.until(
      () => reader.host(id)?.models.find((one) => one.id === "a")?.state === "ready",
      "ready",
    )
    say.ended(told[0])
    await reader.until(() => actions().filter(({ state }) => state === "skipped").length === 2, "two skipped")
    expect(actions().map(({ reason }) => reason)).toEqual([null, "it is ready already", "it is not loaded"])
    expect(told).toHaveLength(1)
  })

  it("skips what waits on a host that went away", async () => {
    const { id, told, say, reader, actions } = await newHost({ a: "stopped", b: "stopped" })
    await ask(id, warm("a"))
    await ask(id, warm("b"))
    await untilTold(told, 1)
    say.liveness("reconnecting")
    await reader.until(() => reader.host(id)?.liveness === "reconnecting", "away")
    say.ended(told[0])
    await reader.until(() => actions()[1]?.state === "skipped", "the second skipped")
    expect(actions()[1]?.reason).toContain("host offline")
  })

  it("is passed by a cancellation, which names the request and when it began", async () => {
    const { id, told, say, reader, actions } = await newHost()
    const started_at = "2026-11-26T12:00:00.000Z"
    say.inflight(started_at)
    await reader.until(() => reader.host(id)?.inflight_total === 1, "a request")
    await ask(id, warm("a"))
    await untilTold(told, 1)
    const { json } = await ask(id, { action: "cancel", inflight_id: "7", started_at })
    expect(ActionAccepted.parse(json).position).toBe(0)
    await untilTold(told, 2)
    expect(told[1]).toMatchObject({ verb: "cancel", command: { args: { inflight_id: "7", started_at } } })
    say.ended(told[1])
    await reader.until(
      () => actions().some(({ action, state }) => action === "cancel" && state === "done"),
      "done",
    )
    say.ended(told[0])
  })
})

describe("a host that is leased", () => {
  it("is left alone until a person confirms: then the lease is revoked, its token fenced, and all is audited", async () => {
    const { id, told, say } = await newHost()
    const { lease_id, fencing_token, expires_at } = await lease(id)
    const refused = await refusal(id, warm("a"))
    expect(refused).toMatchObject({
      ...{ status: 409, error: "bench in progress", requiresConfirmation: true },
      details: { holder: "nightly", purpose: "speed bench", expires_at },
    })
    expect((await ask(id, warm("a"), { query: "?confirm=true" })).status).toBe(202)
    await untilTold(told, 1)
    expect(told[0]?.command.fencing_token).toBeGreaterThan(fencing_token)
    const beat = await hub.send("POST", `/leases/${lease_id}/heartbeat`, {})
    expect(ErrorBody.parse(await beat.json())).toMatchObject({
      code: "LEASE_LOST",
      details: { lost_as: "revoked" },
    })
    const audited = pageOf(AuditRow).parse(await (await hub.get(`/audit?provider_id=${id}`)).json())
    expect(audited).toMatchObject({
      rows: [{ actor: "local", action: "lease.takeover", provider_id: id, detail: { holder: "nightly" } }],
      next: null,
    })
    say.ended(told[0])
  })

  it("is acted on by its holder, and by nobody with a token that is not the lease's", async () => {
    const { id, told, say } = await newHost()
    const { lease_id, fencing_token } = await lease(id)
    const stale = await refusal(id, warm("a"), { lease: `${lease_id};${fencing_token - 1}` })
    expect([stale.status, stale.code]).toEqual([409, "LEASE_TOKEN_STALE"])
    expect((await ask(id, warm("a"), { lease: `${lease_id};${fencing_token}` })).status).toBe(202)
    await untilTold(told, 1)
    expect(told[0]?.command).toMatchObject({ lease_id, fencing_token })
    say.ended(told[0])
  })

  it("and shared lets a model be used, and none be unloaded or swapped", async () => {
    const { id } = await newHost({ a: "stopped", b: "ready" })
    await lease(id, "shared")
    expect((await refusal(id, warm("a"))).status).toBe(409)
    expect((await refusal(id, { action: "unload_all" })).status).toBe(409)
    expect((await ask(id, warm("b"))).status).toBe(202)
  })

  it("while an action waits has it skipped with who holds it", async () => {
    const { id, told, say, reader, actions } = await newHost({ a: "stopped", b: "stopped" })
    await ask(id, warm("a"))
    await ask(id, warm("b"))
    await untilTold(told, 1)
    await lease(id)
    await reader.until(() => reader.host(id)?.lease !== null, "the lease")
    say.ended(told[0])
    await reader.until(() => actions()[1]?.state === "skipped", "skipped")
    expect(actions()[1]?.reason).toBe("the host is held by nightly: speed bench")
  })
})

describe("a hub that dies in the middle of an action", () => {
  it("is followed by another, which asks the host what became of it and does nothing twice", async () => {
    const { id, told, say, reader, actions } = await newHost()
    const { json } = await ask(id, warm("a"))
    const { action_id } = ActionAccepted.parse(json)
    await untilTold(told, 1)
    // As if the hub that has it had not kept it up for a while, and were not there to end it.
    const dead = "00000000-0000-4000-8000-00000000dead"
    await world.database.sql`
      update control_actions set hub_id = ${dead}, hub_until = clock_timestamp() where action_id = ${action_id}`
    await untilTold(told, 2)
    expect(told[1]?.command.id).toBe(action_id)
    say.ended(told[1])
    await reader.until(() => actions()[0]?.state === "done", "it is done")
  })
})
