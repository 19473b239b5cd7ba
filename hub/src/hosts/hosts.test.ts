import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { ErrorBody } from "@boocontrol/shared/errors"
import { Enrolment, HostRow, Provider, RegisteredHost } from "@boocontrol/shared/hosts"
import { pageOf } from "@boocontrol/shared/http"
import { envelope, hostId, presence } from "../../test/example-host.ts"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"
import { silentLog } from "../platform/log.ts"
import { connectPostgres } from "../platform/postgres.ts"
import { createSecretBox } from "../platform/secret-box.ts"
import { natsUrlFrom } from "./enrolments.ts"
import { readSettled } from "./registry.ts"
import { createUpstreamKeys } from "./upstream-keys.ts"

let world: World
let hub: RunningHub
beforeAll(async () => {
  world = await newWorld("hosts")
  hub = await runHub(world)
})
afterAll(async () => {
  await hub.stop()
  await world.end()
})

const WITHIN = { timeout: 30_000, interval: 50 }

const listed = async (): Promise<HostRow[]> =>
  pageOf(HostRow).parse(await (await hub.get("/hosts")).json()).rows
const row = async (id: string) => (await listed()).find(({ provider_id }) => provider_id === id)
const codeOf = async (reply: Response) => [reply.status, ErrorBody.parse(await reply.json()).code]

const machine = (gpu: string, url: string) =>
  presence({
    advertise_url: url,
    hardware: {
      ...{ os_family: "linux", os_name: "Debian 12", cpu_model: null, cpu_threads: 8, memory_total_mib: 1 },
      gpus: [0, 1].map((index) => ({
        ...{ index, uuid: null, name: `NVIDIA GeForce ${gpu}`, memory_total_mib: null, power_limit_w: null },
        driver: null,
      })),
    },
  })

it("does not take for new what was read before it wrote itself", async () => {
  const rows = new Map([["box", "old"]])
  const replies = ["old", "written"]
  const found: string[] = []
  const read = await readSettled(rows, "box", () => {
    const reply = replies.shift() ?? ""
    found.push(reply)
    // The reply is on its way while this process writes.
    if (reply === "old") rows.set("box", "written")
    return Promise.resolve(reply)
  })
  expect([read, found]).toEqual(["written", ["old", "written"]])
})

describe("the registry", () => {
  it("takes a host, says how its machine joins, and knows it from then on", async () => {
    const made = await hub.send("POST", "/hosts", {
      provider_id: "new",
      display_name: "New one",
      tags: ["lab"],
    })
    expect(made.status).toBe(201)
    expect(await made.json()).toMatchObject({
      ...{ provider_id: "new", display_name: "New one", tags: ["lab"], enabled: true, last_seen_at: null },
      enrolment: {
        command: expect.stringContaining(`boocontrol-sidecar enroll --hub ${hub.url} --token booe_`),
        run_command: expect.stringContaining("BOO_HOST_ID=new"),
        creds_file: null,
      },
    })
    expect(await codeOf(await hub.send("POST", "/hosts", { provider_id: "new" }))).toEqual([
      409,
      "HOST_EXISTS",
    ])
    const inFleet = (await hub.fleet()).hosts.find(({ provider_id }) => provider_id === "new")
    expect(inFleet).toMatchObject({ display_name: "New one", liveness: "reconnecting", last_seen_at: null })
  })

  it("lets a machine be a host for its token, once, and tells it where NATS is", async () => {
    const { enrolment } = RegisteredHost.parse(
      await (await hub.send("POST", "/hosts", { provider_id: "joins" })).json(),
    )
    const tokenIn = (command: string) => /--token (\S+)/.exec(command)?.[1]
    const enroll = (token: unknown) => hub.send("POST", "/enroll", { token })
    const token = tokenIn(enrolment.command)
    const both = await Promise.all([enroll(token), enroll(token)])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 403])
    expect(await both.find(({ ok }) => ok)?.json()).toEqual({
      ...{ provider_id: "joins", nats_url: world.nats.url, creds: null },
    })
    expect(await (await enroll(token)).json()).toMatchObject({
      code: "ENROLMENT_REFUSED",
      error: expect.stringContaining("for joins was used already"),
    })
    const again = Enrolment.parse(await (await hub.send("POST", "/hosts/joins/enrolment", {})).json())
    const db = connectPostgres(world.database.url, { log: silentLog })
    expect(JSON.stringify(await db`select * from host_enrolments`)).not.toContain("booe_")
    await db`update host_enrolments set expires_at = created_at where used_at is null`
    await db.end()
    expect(await (await enroll(tokenIn(again.command))).json()).toMatchObject({
      error: expect.stringContaining("for joins has expired"),
    })
    expect(await codeOf(await enroll("booe_guess"))).toEqual([403, "ENROLMENT_REFUSED"])
    expect(await codeOf(await hub.send("POST", "/hosts/nowhere/enrolment", {}))).toEqual([
      404,
      "HOST_NOT_FOUND",
    ])
  })

  it.each([
    ["nats://127.0.0.1:4222", "nats://boo.lan:4222"],
    ["tls://[::1]:4222, nats://hub2:4222", "tls://boo.lan:4222,nats://hub2:4222"],
    ["nats://hub:secret@localhost", "nats://boo.lan"],
    ["nats://127.example.org:4222", "nats://127.example.org:4222"],
  ])("names NATS at %s to a machine that knows the hub as boo.lan: %s", (natsUrl, told) => {
    expect(natsUrlFrom(natsUrl, "boo.lan")).toBe(told)
  })

  it("learns a machine from its first presence, and never writes over what an operator wrote", async () => {
    const reader = await hub.reader()
    world.say(envelope("presence", machine("RTX 5090", "http://10.0.0.1:8080"), { host: "box" }))
    await reader.until(() => reader.host("box")?.gpu_label === "2 x RTX 5090", "its label")
    // The screen knows it before Postgres does.
    await expect
      .poll(() => row("box"), { timeout: 30_000 })
      .toMatchObject({ os: "Debian 12", advertise_url: "http://10.0.0.1:8080" })
    await hub.send("PATCH", "/hosts/box", { gpu_label: null, display_name: "The box" })
    world.say(envelope("presence", machine("RTX 3090", "http://10.0.0.2:8080"), { host: "box" }))
    await expect
      .poll(async () => (await row("box"))?.advertise_url, { timeout: 30_000 })
      .toBe("http://10.0.0.2:8080")
    expect(await row("box")).toMatchObject({ os: "Debian 12", gpu_label: null, display_name: "The box" })
    expect(reader.host("box")).toMatchObject({ gpu_label: null, display_name: "The box" })
  })

  it("tells other applications where hosts are, disabled ones as such", async () => {
    const reader = await hub.reader()
    world.say(envelope("presence", machine("P104-100", "http://10.0.0.9:8080"), { host: "shop" }))
    await reader.until(() => reader.host("shop")?.gpu_label === "2 x P104-100", "the host registered")
    await hub.send("PATCH", "/hosts/shop", { enabled: false })
    const shop = async () => {
      const { rows } = pageOf(Provider).parse(await (await hub.get("/providers")).json())
      return rows.find(({ id }) => id === "shop")
    }
    await expect
      .poll(shop, { timeout: 30_000 })
      .toEqual({ id: "shop", kind: "llama-swap", base_url: "http://10.0.0.9:8080", enabled: false })
  })

  it("offers the gateway at the address it was asked at, first", async () => {
    const { rows } = pageOf(Provider).parse(await (await hub.get("/providers")).json())
    expect(rows[0]).toEqual({
      id: "boocontrol",
      kind: "boocontrol-gateway",
      base_url: hub.url,
      enabled: true,
    })
  })

  it("keeps a host's key so that only the gateway gets it back, on every hub, until it is taken away", async () => {
    await hub.send("POST", "/hosts", { provider_id: "locked" })
    const set = (key: unknown) => hub.send("PUT", "/hosts/locked/upstream-key", { key })
    expect((await set("sk-secret-1")).status).toBe(204)
    const sql = connectPostgres(world.database.url, { log: silentLog })
    const box = createSecretBox(hub.dataDir)
    const open = async () => {
      const keys = createUpstreamKeys({ sql, box, log: silentLog })
      await keys.load()
      return keys.keyOf(hostId("locked"))
    }
    expect(await open()).toBe("sk-secret-1")
    expect(JSON.stringify(await sql`select * from control_hosts`)).not.toContain("sk-secret")
    expect(await (await hub.get("/hosts")).text()).not.toContain("sk-secret")
    await set(null)
    expect(await open()).toBeNull()
    await sql.end()
  })

  it("lets a host that is shown be changed before it is stored", async () => {
    const reader = await hub.reader()
    const { sql } = world.database
    const { patched } = await sql.begin(async (tx) => {
      await tx`lock table control_hosts in share mode`
      world.say(envelope("presence", presence(), { host: "early" }))
      await reader.until(() => reader.host("early") !== undefined, "the host shown")
      const patched = hub.send("PATCH", "/hosts/early", { enabled: false })
      // A request that came later is answered first: the change waits for the registration.
      expect((await hub.get("/hosts")).status).toBe(200)
      return { patched }
    })
    expect((await patched).status).toBe(200)
    expect((await row("early"))?.enabled).toBe(false)
  })

  it("tells another hub on the same database", async () => {
    const other = await runHub(world)
    const reader = await other.reader()
    await hub.send("POST", "/hosts", { provider_id: "shared" })
    await reader.until(() => reader.host("shared") !== undefined, "the new host")
    await hub.send("PATCH", "/hosts/shared", { display_name: "Renamed" })
    await reader.until(() => reader.host("shared")?.display_name === "Renamed", "its new name")
    await hub.get("/hosts/shared", { method: "DELETE" })
    await reader.until(() => reader.host("shared") === undefined, "the host gone")
    await other.stop()
    expect(await row("shared")).toBeUndefined()
  })

  it("reads what was changed while its connection was gone", async () => {
    await hub.send("POST", "/hosts", { provider_id: "unheard" })
    const { sql } = world.database
    // Nobody is told of these, as if they had been told while nothing could be heard.
    await sql`update control_hosts set display_name = 'Unheard of' where provider_id = 'unheard'`
    await sql`insert into control_hosts (provider_id, display_name) values ('also', 'also')`
    const ended = await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query ilike 'listen %'`
    expect(ended.length).toBeGreaterThan(0)
    await vi.waitFor(async () => expect((await row("unheard"))?.display_name).toBe("Unheard of"), WITHIN)
    // One after the other: that one is read says nothing of the next.
    await vi.waitFor(async () => expect(await row("also")).toBeDefined(), WITHIN)
    await sql`delete from control_hosts where provider_id in ('also', 'unheard')`
    await sql`select pg_notify('boo_hosts', provider) from unnest(array['also', 'unheard']) provider`
    await vi.waitFor(async () => expect(await row("also")).toBeUndefined(), WITHIN)
  })

  it.each([
    ["POST", "/hosts", { provider_id: "Not a slug" }, [400, "BAD_REQUEST"]],
    ["POST", "/hosts", { provider_id: "x", colour: "red" }, [400, "BAD_REQUEST"]],
    ["PUT", "/hosts/nowhere/upstream-key", { key: "x" }, [404, "HOST_NOT_FOUND"]],
    ["PUT", "/hosts/box/upstream-key", { key: "" }, [400, "BAD_REQUEST"]],
    ["PATCH", "/hosts/nowhere", { enabled: false }, [404, "HOST_NOT_FOUND"]],
    ["PATCH", "/hosts/new", { enabled: "no" }, [400, "BAD_REQUEST"]],
    ["DELETE", "/hosts/nowhere", {}, [404, "HOST_NOT_FOUND"]],
  ] as const)("refuses %s %s %j", async (method, path, body, refusal) => {
    expect(await codeOf(await hub.send(method, path, body))).toEqual(refusal)
  })
})
