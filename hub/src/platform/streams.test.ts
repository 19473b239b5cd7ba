import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { expect, it, onTestFinished } from "vitest"
import { natsForTest } from "../../../deploy/test/services/nats.ts"
import { silentLog } from "./log.ts"
import type { NatsConnection } from "./nats.ts"
import { DURABLE, ensureStreams, goneBelow, openConsumer } from "./streams.ts"
import type { StreamSettings } from "./streams.ts"

const MB = 1024 * 1024
const NOTHING = { unread: null, unsure: null }
const DAY_MS = 24 * 3_600_000
const SETTINGS: StreamSettings = {
  BOO_EVENTS: { maxBytes: 16 * MB, maxAgeMs: DAY_MS },
  BOO_PERF: { maxBytes: 8 * MB, maxAgeMs: DAY_MS },
}

async function ownNats(): Promise<NatsConnection> {
  const nats = await natsForTest()
  const nc = await connect({ servers: nats.url })
  onTestFinished(() => nc.close())
  return nc
}

it("stores every durable kind, refuses what does not fit, and drops nothing for it", async () => {
  const nc = await ownNats()
  await ensureStreams(nc, SETTINGS, silentLog)
  const manager = await jetstreamManager(nc)
  const events = await manager.streams.info("BOO_EVENTS")
  expect(events.config).toMatchObject({
    subjects: ["models", "activity", "note", "result"].map((kind) => `boo.v1.evt.*.${kind}`),
    storage: "file",
    retention: "limits",
    discard: "new",
    max_bytes: 16 * MB,
    max_age: DAY_MS * 1e6,
  })
  expect(events.config.duplicate_window).toBeGreaterThanOrEqual(120e9)
  expect((await manager.streams.info("BOO_PERF")).config.subjects).toEqual(["boo.v1.evt.*.perf"])
})

it("brings the limits of streams that are there up to date and keeps what they hold", async () => {
  const nc = await ownNats()
  await ensureStreams(nc, SETTINGS, silentLog)
  await jetstream(nc).publish("boo.v1.evt.gpu-1.note", "kept")
  const larger = { ...SETTINGS, BOO_EVENTS: { maxBytes: 32 * MB, maxAgeMs: 2 * DAY_MS } }
  await Promise.all([ensureStreams(nc, larger, silentLog), ensureStreams(nc, larger, silentLog)])
  const { config, state } = await (await jetstreamManager(nc)).streams.info("BOO_EVENTS")
  expect(config).toMatchObject({ max_bytes: 32 * MB, max_age: 2 * DAY_MS * 1e6 })
  expect(state.messages).toBe(1)
})

it("takes a smaller stream where NATS has not that much room", async () => {
  const nc = await ownNats()
  const huge = 2 ** 52
  await ensureStreams(nc, { ...SETTINGS, BOO_PERF: { maxBytes: huge, maxAgeMs: DAY_MS } }, silentLog)
  const { config } = await (await jetstreamManager(nc)).streams.info("BOO_PERF")
  expect(config.max_bytes).toBeLessThan(huge)
  expect(config.max_bytes).toBeGreaterThan(MB)
})

it("shares one durable among hubs, with explicit acknowledgement and without an end to redelivery", async () => {
  const nc = await ownNats()
  await ensureStreams(nc, SETTINGS, silentLog)
  await openConsumer(nc, "BOO_PERF")
  await openConsumer(nc, "BOO_PERF")
  const manager = await jetstreamManager(nc)
  const consumers = await manager.consumers.list("BOO_PERF").next()
  expect(consumers).toHaveLength(1)
  expect(consumers[0]?.config).toMatchObject({
    durable_name: DURABLE,
    ack_policy: "explicit",
    max_deliver: -1,
  })
})

it("tells which messages left the stream before anyone read them", async () => {
  const nc = await ownNats()
  await ensureStreams(nc, SETTINGS, silentLog)
  expect((await openConsumer(nc, "BOO_EVENTS")).gone).toEqual(NOTHING)
  const js = jetstream(nc)
  for (let n = 0; n < 5; n++) await js.publish("boo.v1.evt.gpu-1.note", String(n))
  const { consumer } = await openConsumer(nc, "BOO_EVENTS")
  const read = await consumer.next()
  await read?.ackAck()
  expect((await openConsumer(nc, "BOO_EVENTS")).gone).toEqual(NOTHING)
  // What age does to the oldest messages, without waiting for it.
  const manager = await jetstreamManager(nc)
  for (const seq of [1, 2, 3]) await manager.streams.deleteMessage("BOO_EVENTS", seq)
  expect((await openConsumer(nc, "BOO_EVENTS")).gone).toEqual({ unread: { from: 2, to: 3 }, unsure: null })
})

it.each([
  ["nothing, where nothing is gone", { first: 1, read: 6, floor: 1 }, NOTHING],
  ["nothing, where all that is gone was acknowledged", { first: 7, read: 6, floor: 6 }, NOTHING],
  [
    // As nats-server 2.9.10 said it, having been away while ten messages aged, six of them handed out, 1 and 4 acknowledged.
    "what was handed out apart from what was not",
    { first: 11, read: 6, floor: 1 },
    { unread: { from: 7, to: 10 }, unsure: { from: 2, to: 6 } },
  ],
  [
    "only what is gone of what was handed out",
    { first: 4, read: 6, floor: 1 },
    { unread: null, unsure: { from: 2, to: 3 } },
  ],
])("says of messages that are gone: %s", (_what, { first, read, floor }, expected) => {
  const info = {
    delivered: { consumer_seq: read, stream_seq: read, last_active: 0 },
    ack_floor: { consumer_seq: floor, stream_seq: floor, last_active: 0 },
  }
  expect(goneBelow(first, info)).toEqual(expected)
})
