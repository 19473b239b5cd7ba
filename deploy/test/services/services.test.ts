import { connect } from "@nats-io/transport-node"
import { jetstreamManager } from "@nats-io/jetstream"
import { expect, inject, it } from "vitest"
import { startNats } from "./nats.ts"
import { testDatabase } from "./postgres.ts"

it("gives each caller a database of its own", async () => {
  const [one, other] = await Promise.all([testDatabase("services"), testDatabase("services")])
  await one.sql`create table t (a int)`
  const seen = await other.sql`select count(*)::int as n from pg_tables where tablename = 't'`
  expect(seen[0]?.n).toBe(0)
})

it("shares a nats-server with JetStream", async () => {
  const nc = await connect({ servers: inject("natsUrl") })
  expect(await (await jetstreamManager(nc)).getAccountInfo()).toMatchObject({ limits: { max_streams: -1 } })
  await nc.close()
})

it("brings a killed nats-server back with its streams, on the same port", async () => {
  const nats = await startNats()
  const nc = await connect({ servers: nats.url, reconnect: false })
  await (await jetstreamManager(nc)).streams.add({ name: "KEPT", subjects: ["kept.>"] })
  const before = nats.url
  await nats.kill()
  await nats.restart()
  expect(nats.url).toBe(before)
  const again = await connect({ servers: nats.url })
  const streams = await (await jetstreamManager(again)).streams.names().next()
  expect(streams).toEqual(["KEPT"])
  await again.close()
  await nats.stop()
})
