import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { LeaseAnnouncement, LeaseGrant, LeaseId, LeaseRow } from "@boocontrol/shared/leases"
import type { LeaseRequest } from "@boocontrol/shared/leases"
import { ErrorBody, NatsErrorReply } from "@boocontrol/shared/errors"
import { FleetSnapshot } from "@boocontrol/shared/fleet"
import { pageOf } from "@boocontrol/shared/http"
import { subjects } from "@boocontrol/shared/subjects"
import type { RpcName } from "@boocontrol/shared/subjects"
import { envelope, hostId, presence } from "../../test/example-host.ts"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"

const Leases = pageOf(LeaseRow)

let world: World
let hub: RunningHub
let other: RunningHub
beforeAll(async () => {
  world = await newWorld("leases")
  hub = await runHub(world)
  other = await runHub(world)
})
afterAll(async () => {
  await Promise.all([hub.stop(), other.stop()])
  await world.end()
})

let hosts = 0
async function newHost(at: RunningHub[] = [hub, other]) {
  const id = hostId(`leased-${(hosts += 1)}`)
  world.say(envelope("presence", presence(), { host: id, atMs: Date.now() }))
  for (const each of at) {
    const reader = await each.reader()
    await reader.until(() => reader.host(id)?.liveness === "connected", "the host")
    reader.close()
  }
  const inflight = (total: number) =>
    world.say(envelope("inflight", { requests: null, total }, { host: id, atMs: Date.now() }))
  return { id, inflight }
}

type Wanted = Partial<Omit<LeaseRequest, "provider_id">>
const bodyOf = (id: string, wanted: Wanted) => ({
  ...{ provider_id: id, holder: "nightly", purpose: "speed bench", mode: "exclusive", ttl_s: 60 },
  ...wanted,
})

async function ask(id: string, wanted: Wanted = {}, at = hub) {
  const reply = await at.send("POST", "/leases", bodyOf(id, wanted))
  return { status: reply.status, body: await reply.json() }
}

async function take(id: string, wanted: Wanted = {}, at = hub): Promise<LeaseGrant> {
  const { status, body } = await ask(id, wanted, at)
  expect([status, body]).toEqual([201, expect.anything()])
  return LeaseGrant.parse(body)
}

const give = (lease: string, at = hub, header?: string) =>
  at.get(`/leases/${lease}`, {
    method: "DELETE",
    ...(header === undefined ? {} : { headers: { "x-boo-lease": header } }),
  })
const beat = (lease: string, header?: string) =>
  hub.get(`/leases/${lease}/heartbeat`, {
    method: "POST",
    body: "{}",
    headers: {
      "content-type": "application/json",
      ...(header === undefined ? {} : { "x-boo-lease": header }),
    },
  })
const errorOf = async (reply: Response) => ({
  status: reply.status,
  ...ErrorBody.parse(await reply.json()),
})

describe("an exclusive lease", () => {
  it("is given once, and whoever is refused learns by whom, for what and until when, on any hub", async () => {
    const { id } = await newHost()
    const { expires_at } = await take(id, { ttl_s: 60 })
    const { status, body } = await ask(id, { holder: "somebody" }, other)
    expect(status).toBe(409)
    expect(ErrorBody.parse(body)).toMatchObject({
      code: "LEASE_HELD",
      details: { holder: "nightly", purpose: "speed bench", expires_at },
    })
  })

  it("carries a token that is larger than every one before it", async () => {
    const { id } = await newHost()
    const tokens: number[] = []
    for (let n = 0; n < 4; n += 1) {
      const { lease_id, fencing_token } = await take(id, {}, n % 2 === 0 ? hub : other)
      tokens.push(fencing_token)
      expect((await give(lease_id)).status).toBe(200)
    }
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b))
    expect(new Set(tokens).size).toBe(4)
  })

  it("is shown in the frame of its host, on every hub, and gone there when it is given back", async () => {
    const { id } = await newHost()
    const readers = [await hub.reader(), await other.reader()]
    const { lease_id } = await take(id)
    for (const reader of readers)
      await reader.until(() => reader.host(id)?.lease?.holder === "nightly", "the lease")
    await give(lease_id, other)
    for (const reader of readers) await reader.until(() => reader.host(id)?.lease === null, "no lease")
  })

  it("ends by itself, by the time of the database, and its holder is told that it expired", async () => {
    const { id } = await newHost()
    const first = await take(id, { ttl_s: 1 })
    const reader = await hub.reader()
    await reader.until(() => reader.host(id)?.lease !== null, "the lease")
    await reader.until(() => reader.host(id)?.lease === null, "its end")
    const second = await take(id, { holder: "next" })
    expect(second.fencing_token).toBeGreaterThan(first.fencing_token)
    const late = await errorOf(await beat(first.lease_id))
    expect(late).toMatchObject({
      ...{ status: 409, code: "LEASE_LOST" },
      details: { lost_as: "expired", holder: "next" },
    })
  })

  it("is extended by its own time with each heartbeat", async () => {
    const { id } = await newHost()
    const { lease_id, expires_at } = await take(id, { ttl_s: 30 })
    const renewed = LeaseGrant.parse(await (await beat(lease_id)).json())
    expect(Date.parse(renewed.expires_at)).toBeGreaterThan(Date.parse(expires_at))
    expect(Date.parse(renewed.expires_at) - Date.parse(expires_at)).toBeLessThan(20_000)
  })

  it("is refused for a token that is not its own, which names who holds the host now", async () => {
    const { id } = await newHost()
    const { lease_id, fencing_token } = await take(id)
    for (const reply of [
      await beat(lease_id, `${lease_id};${fencing_token - 1}`),
      await give(lease_id, hub, `${lease_id};${fencing_token - 1}`),
    ])
      expect(await errorOf(reply)).toMatchObject({
        ...{ status: 409, code: "LEASE_TOKEN_STALE" },
        details: { holder: "nightly" },
      })
    expect((await beat(lease_id, `${lease_id};${fencing_token}`)).status).toBe(200)
    expect((await errorOf(await beat(lease_id, "nonsense"))).code).toBe("BAD_REQUEST")
    expect((await errorOf(await beat(lease_id, randomUUID()))).status).toBe(400)
  })

  it("that is lost is refused by the gateway too, on the hub that gave it and on any other", async () => {
    const { id } = await newHost()
    const { lease_id, fencing_token } = await take(id)
    const ask = (at: RunningHub, lease: string) =>
      fetch(`${at.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-boo-lease": lease },
        body: JSON.stringify({ model: "nobody-has-it", messages: [] }),
      }).then(({ status }) => status)
    const asked = (lease: string) => Promise.all([ask(hub, lease), ask(other, lease)])
    expect(await asked(`${lease_id};${fencing_token}`)).toEqual([404, 404])
    expect(await asked(`${lease_id};${fencing_token - 1}`)).toEqual([409, 409])
    expect(await asked("nonsense;1")).toEqual([409, 409])
    await give(lease_id)
    expect(await ask(hub, `${lease_id};${fencing_token}`)).toBe(409)
    // The other one hears of it a moment later.
    await vi.waitFor(async () => expect(await ask(other, `${lease_id};${fencing_token}`)).toBe(409), 30_000)
    expect(await asked(lease_id)).toEqual([404, 404])
  })

  it("that never was is a 404 that names those in force", async () => {
    const { id } = await newHost()
    const { lease_id } = await take(id)
    const missing = await errorOf(await beat(randomUUID()))
    expect(missing).toMatchObject({ status: 404, code: "LEASE_NOT_FOUND" })
    expect(missing.error).toContain(lease_id)
  })

  it("stands in the list of those in force until it ends", async () => {
    const { id } = await newHost()
    const { lease_id, fencing_token } = await take(id)
    const list = async () =>
      Leases.parse(await (await hub.get(`/leases?provider_id=${id}`)).json()).rows.map(
        (row) => row.fencing_token,
      )
    expect(await list()).toEqual([fencing_token])
    await give(lease_id)
    expect(await list()).toEqual([])
  })
})

describe("shared leases", () => {
  it("stand beside one another, and never beside an exclusive one", async () => {
    const { id } = await newHost()
    const first = await take(id, { mode: "shared", holder: "a" })
    await take(id, { mode: "shared", holder: "b" }, other)
    expect((await ask(id, { mode: "exclusive", holder: "c" })).status).toBe(409)
    const reader = await hub.reader()
    await reader.until(() => reader.host(id)?.lease?.holders === 2, "both")
    await give(first.lease_id)
    await reader.until(() => reader.host(id)?.lease?.holder === "b", "the other")
  })

  it("wait behind an exclusive one that waits: nobody is passed by", async () => {
    const { id } = await newHost()
    const shared = await take(id, { mode: "shared", holder: "a" })
    const order: string[] = []
    const reader = await hub.reader()
    const exclusive = take(id, { holder: "x", wait_s: 20 }).then((grant) => (order.push("x"), grant))
    await reader.until(() => reader.host(id)?.lease?.waiting === 1, "one who waits")
    const late = take(id, { mode: "shared", holder: "b", wait_s: 20 }, other).then(
      (grant) => (order.push("b"), grant),
    )
    await reader.until(() => reader.host(id)?.lease?.waiting === 2, "two who wait")
    await give(shared.lease_id)
    const { lease_id } = await exclusive
    await give(lease_id)
    await late
    expect(order).toEqual(["x", "b"])
  })
})

describe("whoever waits", () => {
  it("is served in order of coming, over two hubs", async () => {
    const { id } = await newHost()
    const { lease_id } = await take(id)
    const order: string[] = []
    const reader = await hub.reader()
    const waits: Promise<void>[] = []
    for (const [index, at] of [hub, other, hub, other].entries()) {
      const wait = async (): Promise<void> => {
        const grant = await take(id, { holder: `w${index}`, wait_s: 20 }, at)
        order.push(`w${index}`)
        await give(grant.lease_id, at)
      }
      waits.push(wait())
      await reader.until(() => reader.host(id)?.lease?.waiting === index + 1, `${index + 1} who wait`)
    }
    await give(lease_id)
    await Promise.all(waits)
    expect(order).toEqual(["w0", "w1", "w2", "w3"])
  })

  it("is refused when the time is over, and by then not in the way", async () => {
    const { id } = await newHost()
    const { lease_id } = await take(id)
    const { status, body } = await ask(id, { holder: "late", wait_s: 0.2 })
    expect([status, ErrorBody.parse(body).code]).toEqual([409, "LEASE_HELD"])
    await give(lease_id)
    await take(id, { holder: "next" })
  })

  it("and goes away loses the place at once", async () => {
    const { id } = await newHost()
    const { lease_id } = await take(id)
    const reader = await hub.reader()
    const leaving = new AbortController()
    const left = hub
      .get("/leases", {
        method: "POST",
        body: JSON.stringify(bodyOf(id, { holder: "left", wait_s: 60 })),
        headers: { "content-type": "application/json" },
        signal: leaving.signal,
      })
      .catch(() => "left")
    await reader.until(() => reader.host(id)?.lease?.waiting === 1, "one who waits")
    leaving.abort()
    expect(await left).toBe("left")
    await reader.until(() => reader.host(id)?.lease?.waiting === 0, "nobody who waits")
    await give(lease_id)
    await reader.until(() => reader.host(id)?.lease === null, "nobody who holds")
  })

  it("gets the host when nothing is in flight any more, with new traffic kept out meanwhile", async () => {
    const { id, inflight } = await newHost()
    inflight(2)
    const reader = await hub.reader()
    await reader.until(() => reader.host(id)?.inflight_total === 2, "traffic")
    let isGranted = false
    const granted = take(id, { wait_s: 20 }).then((grant) => ((isGranted = true), grant))
    await reader.until(() => reader.host(id)?.lease?.state === "draining", "draining")
    inflight(1)
    await reader.until(() => reader.host(id)?.inflight_total === 1, "less traffic")
    expect(isGranted).toBe(false)
    inflight(0)
    expect(await granted).toMatchObject({ inflight: 0 })
    await reader.until(() => reader.host(id)?.lease?.state === "held", "held")
  })

  it("is told so where requests in flight do not end in time, and holds nothing then", async () => {
    const { id, inflight } = await newHost()
    inflight(3)
    const reader = await hub.reader()
    await reader.until(() => reader.host(id)?.inflight_total === 3, "traffic")
    const { status, body } = await ask(id, { wait_s: 0.2 })
    expect([status, ErrorBody.parse(body)]).toMatchObject([
      409,
      { code: "LEASE_NOT_DRAINED", details: { inflight: 3 } },
    ])
    await reader.until(() => reader.host(id)?.lease === null, "nobody who holds")
    // Without waiting it is given all the same, and says what still runs.
    expect(await take(id)).toMatchObject({ inflight: 3 })
  })
})

describe("bad input", () => {
  it.each([
    ["an unknown host", { provider_id: "nowhere" }, 404],
    ["no mode", { mode: undefined }, 400],
    ["a time of nothing", { ttl_s: 0 }, 400],
    ["a time of more than a day", { ttl_s: 86_401 }, 400],
    ["something unknown", { forever: true }, 400],
  ])("%s is refused in words", async (_, wrong, status) => {
    const { id } = await newHost()
    const reply = await errorOf(await hub.send("POST", "/leases", { ...bodyOf(id, {}), ...wrong }))
    expect(reply.status).toBe(status)
  })
})

describe("other tools on NATS", () => {
  const call = async (name: RpcName, asked?: unknown): Promise<unknown> =>
    (
      await world.nc.request(subjects.rpc(name), asked === undefined ? "" : JSON.stringify(asked), {
        timeout: 30_000,
      })
    ).json()

  it("take, keep and give back a host, and hear each change announced", async () => {
    const { id } = await newHost()
    const heard: LeaseAnnouncement[] = []
    world.nc.subscribe(subjects.hub("lease", id), {
      callback: (_, message) => void heard.push(LeaseAnnouncement.parse(message.json())),
    })
    await world.nc.flush()
    const grant = LeaseGrant.parse(await call("lease.acquire", bodyOf(id, { holder: "tool" })))
    expect(NatsErrorReply.parse(await call("lease.acquire", bodyOf(id, {}))).error.code).toBe("LEASE_HELD")
    const { lease_id, fencing_token } = grant
    LeaseGrant.parse(await call("lease.renew", { lease_id, fencing_token }))
    const stale = await call("lease.renew", { lease_id, fencing_token: fencing_token - 1 })
    expect(NatsErrorReply.parse(stale).error.code).toBe("LEASE_TOKEN_STALE")
    LeaseRow.parse(await call("lease.release", { lease_id }))
    const reader = await hub.reader()
    await reader.until(() => heard.length >= 3, "announcements")
    expect(heard.map(({ change, lease }) => [change, lease.holder])).toEqual([
      ["granted", "tool"],
      ["renewed", "tool"],
      ["released", "tool"],
    ])
  })

  it("read the fleet, and are told in words what they ask wrongly", async () => {
    const { id } = await newHost()
    const fleet = FleetSnapshot.parse(await call("fleet.get"))
    expect(fleet.hosts.map((host) => host.provider_id)).toContain(id)
    const wrong = NatsErrorReply.parse(await call("lease.acquire", { provider_id: id }))
    expect(wrong.error).toMatchObject({ code: "BAD_REQUEST", retryable: false })
  })

  it("find the service by its name, with what it can and what it did", async () => {
    const ping = (await world.nc.request("$SRV.PING.boocontrol")).json<{ id: string; type: string }>()
    expect(ping.type).toBe("io.nats.micro.v1.ping_response")
    const info = (await world.nc.request(`$SRV.INFO.boocontrol.${ping.id}`)).json<{
      endpoints: { subject: string }[]
    }>()
    expect(info.endpoints.map(({ subject }) => subject)).toContain(subjects.rpc("lease.acquire"))
    const stats = (await world.nc.request(`$SRV.STATS.boocontrol.${ping.id}`)).json<{
      endpoints: { num_requests: number }[]
    }>()
    expect(stats.endpoints).toHaveLength(info.endpoints.length)
  })

  it("that went away while they waited hold nothing afterwards", async () => {
    const { id } = await newHost()
    const { lease_id } = await take(id)
    const reader = await hub.reader()
    await expect(
      world.nc.request(subjects.rpc("lease.acquire"), JSON.stringify(bodyOf(id, { wait_s: 30 })), {
        timeout: 1_000,
        noMux: true,
        reply: `gone.${randomUUID()}`,
      }),
    ).rejects.toThrow(/timeout/i)
    await give(lease_id)
    await reader.until(() => reader.host(id)?.lease === null, "nobody who holds")
    expect(LeaseId.safeParse(lease_id).success).toBe(true)
  })
})
