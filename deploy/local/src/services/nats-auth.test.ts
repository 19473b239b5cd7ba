import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { connect, credsAuthenticator } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startNats } from "../../../test/services/nats.ts"
import type { TestNats } from "../../../test/services/nats.ts"
import { natsAuth } from "./nats-auth.ts"

let nats: TestNats
let hub: NatsConnection
const open: NatsConnection[] = []

async function enter(creds: string, inboxPrefix?: string): Promise<NatsConnection> {
  const authenticator = credsAuthenticator(readFileSync(creds))
  const connection = await connect({
    servers: nats.url,
    authenticator,
    reconnect: false,
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
  })
  open.push(connection)
  return connection
}

const host = async (id: string): Promise<NatsConnection> =>
  enter((await nats.auth?.hostCredentials(id)) ?? "", `_INBOX_${id}`)

/** The server's refusal of what was just done, as it reports it on the connection. */
async function refusal(connection: NatsConnection, act: () => void): Promise<string> {
  const statuses = connection.status()
  act()
  await connection.flush().catch(() => undefined)
  for await (const status of statuses) if (status.type === "error") return status.error.message
  return "no refusal"
}

/** What arrives on `subject` between now and a round trip after `act`. */
async function received(subject: string, act: () => Promise<void>): Promise<string[]> {
  const seen: string[] = []
  const subscription = hub.subscribe(subject, { callback: (_, message) => void seen.push(message.string()) })
  await hub.flush()
  await act()
  await hub.flush()
  subscription.unsubscribe()
  return seen
}

beforeAll(async () => {
  nats = await startNats({ auth: true })
  hub = await enter(nats.auth?.hubCreds ?? "")
})

afterAll(async () => {
  for (const connection of open) await connection.close()
  await nats.stop()
})

describe("a host", () => {
  it("is heard on its own subjects", async () => {
    const one = await host("gpu-01")
    const seen = await received("boo.v1.>", async () => {
      one.publish("boo.v1.evt.gpu-01.presence", "here")
      one.publish("boo.v1.ask.gpu-01.resume", "where was I")
      await one.flush()
    })
    expect(seen).toEqual(["here", "where was I"])
  })

  it.each([
    "boo.v1.evt.gpu-02.presence",
    "boo.v1.cmd.gpu-02.warm",
    "boo.v1.hub.fleet.gpu-01",
    "boo.v1.rpc.fleet.get",
    "$JS.API.STREAM.LIST",
  ])("is refused and not heard when it publishes to %s", async (subject) => {
    const one = await host("gpu-01")
    const seen = await received(subject, async () => {
      expect(await refusal(one, () => one.publish(subject, "spoofed"))).toContain("Permissions Violation")
    })
    expect(seen).toEqual([])
  })

  it.each(["boo.v1.cmd.gpu-02.>", "boo.v1.cmd.>", "boo.v1.evt.>", "_INBOX_gpu-02.>", "_INBOX.>", ">"])(
    "may not listen to %s",
    async (subject) => {
      const one = await host("gpu-01")
      expect(await refusal(one, () => one.subscribe(subject))).toContain("Permissions Violation")
    },
  )

  it("answers a command of the hub", async () => {
    const one = await host("gpu-01")
    one.subscribe("boo.v1.cmd.gpu-01.>", { callback: (_, message) => void message.respond("accepted") })
    await one.flush()
    expect((await hub.request("boo.v1.cmd.gpu-01.warm", "{}", { timeout: 2000 })).string()).toBe("accepted")
  })

  it("asks the hub and gets the answer in its own inbox", async () => {
    const one = await host("gpu-01")
    const answering = hub.subscribe("boo.v1.ask.*.resume", {
      callback: (_, message) => void message.respond("row 7"),
    })
    await hub.flush()
    expect((await one.request("boo.v1.ask.gpu-01.resume", "", { timeout: 2000 })).string()).toBe("row 7")
    answering.unsubscribe()
  })
})

describe("a tool", () => {
  const tool = (): Promise<NatsConnection> => enter(join(nats.folder, "tool.creds"), "_INBOX_tool")

  it.each(["boo.v1.cmd.gpu-01.config.write", "boo.v1.evt.gpu-01.activity", "boo.v1.hub.fleet.gpu-01"])(
    "cannot publish %s",
    async (subject) => {
      const one = await tool()
      const seen = await received(subject, async () => {
        expect(await refusal(one, () => one.publish(subject, "{}"))).toContain("Permissions Violation")
      })
      expect(seen).toEqual([])
    },
  )

  it("hears events and calls the hub", async () => {
    const one = await tool()
    const heard: string[] = []
    one.subscribe("boo.v1.evt.>", { callback: (_, message) => void heard.push(message.subject) })
    await one.flush()
    const answering = hub.subscribe("boo.v1.rpc.fleet.get", {
      callback: (_, message) => void message.respond("[]"),
    })
    hub.publish("boo.v1.evt.gpu-01.presence", "{}")
    await hub.flush()
    expect((await one.request("boo.v1.rpc.fleet.get", "", { timeout: 2000 })).string()).toBe("[]")
    expect(heard).toEqual(["boo.v1.evt.gpu-01.presence"])
    answering.unsubscribe()
  })
})

it("lets nobody in without credentials", async () => {
  await expect(connect({ servers: nats.url, reconnect: false })).rejects.toThrow(/authorization/i)
})

it("keeps its keys: credentials given out before a restart still open the door after it", async () => {
  const before = nats.auth?.accounts ?? {}
  const again = await natsAuth(nats.folder)
  expect(Object.keys(again.accounts)).toEqual(Object.keys(before))
})

it("keeps every seed and credential from other users of the machine", () => {
  const secrets = [
    "operator.seed",
    "account.seed",
    "account-identity.seed",
    "hub.creds",
    "tool.creds",
    "nats.conf",
  ]
  expect(secrets.filter((file) => (statSync(join(nats.folder, file)).mode & 0o777) !== 0o600)).toEqual([])
})
