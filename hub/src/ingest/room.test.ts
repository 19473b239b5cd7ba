import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import type { JsMsg } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import fc from "fast-check"
import { describe, expect, it, onTestFinished } from "vitest"
import { natsForTest } from "../../../deploy/test/services/nats.ts"
import { silentLog } from "../platform/log.ts"
import { DURABLE, ensureStreams, openConsumer, usageOf } from "../platform/streams.ts"
import { storedEnough } from "./core.ts"
import { makeRoom } from "./room.ts"

const KB = 1024
const SMALL = { maxBytes: 64 * KB, maxAgeMs: 3_600_000 }
/**
 * Fifteen fit and the sixteenth is refused whatever the server adds to each: it looks at a message alone before it stores
 * it with what it adds, and one that only just fits pushes out the oldest (nats-server 2.9.10).
 */
const MESSAGE_BYTES = 4 * KB
const SUBJECT = "boo.v1.evt.gpu-1.perf"

async function fullStream() {
  const nats = await natsForTest()
  const nc = await connect({ servers: nats.url })
  onTestFinished(() => nc.close())
  await ensureStreams(nc, { BOO_EVENTS: SMALL, BOO_PERF: SMALL }, silentLog)
  const { consumer } = await openConsumer(nc, "BOO_PERF")
  const publish = () => jetstream(nc).publish(SUBJECT, "x".repeat(MESSAGE_BYTES))
  let stored = 0
  for (;;) {
    const taken = await publish().then(
      () => true,
      () => false,
    )
    if (!taken) break
    stored += 1
  }
  const room = { nc, log: silentLog, stream: "BOO_PERF" as const }
  const acknowledge = async (count: number) => {
    const messages = await consumer.fetch({ max_messages: count, expires: 2_000 })
    for await (const message of messages) await message.ackAck()
  }
  return { nc, room, publish, stored, acknowledge, consumer }
}

describe("a stream that is full", () => {
  it("takes new messages again once what it holds is stored", async () => {
    const { room, publish, stored, acknowledge } = await fullStream()
    await acknowledge(stored)
    const purged = await makeRoom(room)
    expect(purged).toBeGreaterThanOrEqual(stored / 2 - 1)
    expect(await makeRoom(room)).toBe(0)
    await expect(publish()).resolves.toMatchObject({ stream: "BOO_PERF" })
  })

  it("keeps what nobody has stored, and goes on refusing", async () => {
    const { nc, room, publish, stored, acknowledge } = await fullStream()
    expect(await makeRoom(room)).toBe(0)
    await acknowledge(3)
    expect(await makeRoom(room)).toBe(3)
    const { state } = await (await jetstreamManager(nc)).streams.info("BOO_PERF")
    expect([state.messages, state.first_seq]).toEqual([stored - 3, 4])
    expect((await usageOf(nc, "BOO_PERF")).ackFloor).toBe(3)
    await publish()
  })
})

it("leaves what was handed out and is not stored yet to come again", async () => {
  const { nc, room, stored, consumer } = await fullStream()
  const handedOut = await consumer.fetch({ max_messages: 8, expires: 2_000 })
  const kept: JsMsg[] = []
  for await (const message of handedOut) {
    if (message.seq <= 5) await message.ackAck()
    else kept.push(message)
  }
  expect(await makeRoom(room)).toBe(5)
  const manager = await jetstreamManager(nc)
  expect(await manager.consumers.info("BOO_PERF", DURABLE)).toMatchObject({
    ...{ num_ack_pending: 3, num_pending: stored - 8 },
    ...{ ack_floor: { stream_seq: 5 }, delivered: { stream_seq: 8 } },
  })
  for (const message of kept) message.nak()
  await nc.flush()
  const again: number[] = []
  for await (const { seq } of await consumer.fetch({ max_messages: 3, expires: 2_000 })) again.push(seq)
  expect(again).toEqual([6, 7, 8])
})

it("takes each message once where several hubs make room", async () => {
  const { nc, room, stored, acknowledge } = await fullStream()
  await acknowledge(stored)
  const removed = await Promise.all([makeRoom(room), makeRoom(room), makeRoom(room)])
  const { state } = await (await jetstreamManager(nc)).streams.info("BOO_PERF")
  expect(removed.reduce((sum, count) => sum + count, 0)).toBe(stored - state.messages)
  expect(state.bytes).toBeLessThanOrEqual(SMALL.maxBytes / 2)
  expect(state.messages).toBeGreaterThanOrEqual(Math.floor(stored / 2) - 1)
})

describe("what may go", () => {
  it("is never beyond what is stored, never more than brings the stream to its half, and nothing below that", () => {
    fc.assert(
      fc.property(
        fc.record({
          maxBytes: fc.integer({ min: 1, max: 1_000_000 }),
          messages: fc.integer({ min: 1, max: 1_000 }),
          each: fc.integer({ min: 1, max: 2_000 }),
          firstSeq: fc.integer({ min: 1, max: 1_000 }),
          floor: fc.integer({ min: -5, max: 1_200 }),
        }),
        ({ maxBytes, messages, each, firstSeq, floor }) => {
          const ackFloor = Math.max(0, firstSeq + floor)
          const bytes = messages * each
          const below = storedEnough({ bytes, maxBytes, messages, firstSeq, ackFloor })
          const isNeeded = bytes > maxBytes / 2 && ackFloor >= firstSeq
          expect(below !== null).toBe(isNeeded)
          const gone = below === null ? 0 : below - firstSeq
          expect(firstSeq + gone).toBeLessThanOrEqual(Math.max(firstSeq, ackFloor + 1))
          // One fewer would leave more than half, so none went for nothing.
          expect(gone === 0 || (messages - gone + 1) * each > maxBytes / 2).toBe(true)
        },
      ),
    )
  })

  it("is nothing of a stream without a limit", () => {
    const usage = { bytes: 10, maxBytes: -1, messages: 1, firstSeq: 1, ackFloor: 1 }
    expect(storedEnough(usage)).toBeNull()
  })
})
