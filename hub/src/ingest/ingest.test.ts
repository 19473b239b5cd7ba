import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { pino } from "pino"
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished, vi } from "vitest"
import type { Envelope } from "@boocontrol/shared/envelope"
import type { EventKind } from "@boocontrol/shared/subjects"
import { natsForTest } from "../../../deploy/test/services/nats.ts"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { systemClock } from "../platform/clock.ts"
import { silentLog } from "../platform/log.ts"
import type { Log } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import type { NatsConnection } from "../platform/nats.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { DURABLE } from "../platform/streams.ts"
import type { StreamSettings } from "../platform/streams.ts"
import { createIngest } from "./index.ts"
import type { Handlers, Ingest, RejectReason } from "./index.ts"

const DAY_MS = 24 * 3_600_000
const STREAMS: StreamSettings = {
  BOO_EVENTS: { maxBytes: 64 * 1024 * 1024, maxAgeMs: DAY_MS },
  BOO_PERF: { maxBytes: 64 * 1024 * 1024, maxAgeMs: DAY_MS },
}
let sql: Sql

beforeAll(async () => {
  const { url } = await testDatabase("ingest")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  await sql`create table stored (message text primary key)`
})
afterAll(() => sql.end())
beforeEach(() => sql`truncate stored, control_dead_letters`)

interface Hub {
  ingest: Ingest
  nc: NatsConnection
  rejected: [host: string | null, reason: RejectReason][]
  /** What a handler was given, one entry per call. */
  batches: string[][]
  /** Whether each of these calls was said to be a repetition. */
  repeated: boolean[]
}

interface HubOptions {
  /** Runs before a batch of notes is stored. */
  before?: (messages: string[]) => Promise<unknown> | undefined
  notYet?: (messages: string[]) => number[]
  disabled?: string[]
  ackWaitMs?: number
  handBackAfterMs?: number
  log?: Log
}

const nameOf = ({ host, seq }: { host: string; seq: number | null }): string => `${host} ${seq}`

async function startHub(
  url: string,
  { before, notYet, disabled = [], ackWaitMs = 1_500, handBackAfterMs, log = silentLog }: HubOptions = {},
): Promise<Hub> {
  const nc = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })
  const hub: Omit<Hub, "ingest"> = { nc, rejected: [], batches: [], repeated: [] }
  const nothing = () => Promise.resolve()
  const handlers: Handlers = {
    ...{ activity: nothing, models: nothing, result: nothing },
    note: async (envelopes: readonly Envelope<"note">[], { redelivered }) => {
      const messages = envelopes.map(nameOf)
      hub.batches.push(messages)
      hub.repeated.push(redelivered)
      await before?.(messages)
      const wait = notYet?.(messages) ?? []
      const rows = messages.filter((_, n) => !wait.includes(n))
      await sql`insert into stored select * from unnest(${rows}::text[]) on conflict do nothing`
      return { notYet: wait }
    },
    perf: async (envelopes) => {
      await sql`insert into stored select * from unnest(${envelopes.map(nameOf)}::text[]) on conflict do nothing`
    },
  }
  const ingest = createIngest({
    ...{ sql, nc, clock: systemClock, log, streams: STREAMS, handlers },
    hosts: { ensureHost: () => Promise.resolve(), isEnabled: (host) => !disabled.includes(host) },
    onRejected: ({ host, reason }) => hub.rejected.push([host, reason]),
    limits: { ackWaitMs, maxAckPending: 512 },
    ...(handBackAfterMs === undefined ? {} : { handBackAfterMs }),
  })
  ingest.start()
  onTestFinished(async () => {
    await ingest.stop()
    await nc.close()
  })
  await vi.waitUntil(() => hasConsumers(nc), { timeout: 30_000 })
  return { ...hub, ingest }
}

async function hasConsumers(nc: NatsConnection): Promise<boolean> {
  const manager = await jetstreamManager(nc)
  const asked = (["BOO_EVENTS", "BOO_PERF"] as const).map((stream) => manager.consumers.info(stream, DURABLE))
  return await Promise.all(asked).then(
    () => true,
    () => false,
  )
}

function note(seq: number, host = "gpu-1") {
  return {
    ...{ v: 1, host, seq, kind: "note", at: "2026-11-22T08:00:00.000Z" },
    instance: "0193a000-0000-4000-8000-0000000000a0",
    boot: "0193a000-0000-4000-8000-0000000000b0",
    data: { note: "engine_down", ts: "2026-11-22T08:00:00.000Z", detail: {} },
  }
}

function emit(nc: NatsConnection, kind: EventKind, message: { host: string } & Record<string, unknown>) {
  return jetstream(nc).publish(`boo.v1.evt.${message.host}.${kind}`, JSON.stringify(message))
}

async function emitNotes(nc: NatsConnection, from: number, to: number): Promise<string[]> {
  const notes = Array.from({ length: to - from + 1 }, (_, n) => note(from + n))
  await Promise.all(notes.map((one) => emit(nc, "note", one)))
  return notes.map(nameOf)
}

async function stored(): Promise<string[]> {
  return (await sql`select message from stored`).map((row) => String(row["message"]))
}

async function untilStored(expected: string[], timeout = 10_000): Promise<void> {
  await vi.waitFor(async () => expect((await stored()).sort()).toEqual([...expected].sort()), {
    timeout,
    interval: 20,
  })
}

/** Nothing waits and nothing is handed out: NATS was told of every message. */
async function untilAcknowledged(nc: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(nc)
  await vi.waitFor(
    async () => {
      for (const stream of ["BOO_EVENTS", "BOO_PERF"]) {
        expect(await manager.consumers.info(stream, DURABLE)).toMatchObject({
          num_pending: 0,
          num_ack_pending: 0,
        })
      }
    },
    { timeout: 30_000, interval: 20 },
  )
}

const letters = () => sql`
  select provider_id, kind, reason, problem, more, convert_from(payload, 'utf8') as payload from control_dead_letters order by id`

it("stores what hosts emit and acknowledges it", async () => {
  const { url } = await natsForTest()
  const { nc, ingest } = await startHub(url, { ackWaitMs: 60_000 })
  const emitted = await emitNotes(nc, 1, 300)
  await emit(nc, "perf", { ...note(301), kind: "perf", data: { samples: [] } })
  await untilStored([...emitted, "gpu-1 301"])
  await untilAcknowledged(nc)
  expect(ingest.counters()).toMatchObject({
    BOO_EVENTS: { received: 300, stored: 300 },
    BOO_PERF: { stored: 1 },
  })
})

it("keeps messages that make no sense aside, counts them for their host, and goes on", async () => {
  const { url } = await natsForTest()
  const { nc, rejected, ingest } = await startHub(url, { ackWaitMs: 60_000 })
  const js = jetstream(nc)
  await js.publish("boo.v1.evt.gpu-1.note", "{ not json")
  await js.publish("boo.v1.evt.gpu-1.note", JSON.stringify({ ...note(2), v: 9 }))
  await js.publish("boo.v1.evt.gpu-1.note", JSON.stringify(note(3, "gpu-2")))
  await js.publish("boo.v1.evt.Not_A_Slug.note", JSON.stringify(note(4)))
  await js.publish("boo.v1.evt.gpu-1.note", JSON.stringify({ ...note(5), data: { note: "X" } }))
  await emit(nc, "note", note(6))
  await untilStored(["gpu-1 6"])
  await untilAcknowledged(nc)
  expect(rejected).toEqual([
    ["gpu-1", "not-json"],
    ["gpu-1", "version"],
    ["gpu-1", "identity"],
    [null, "subject"],
    ["gpu-1", "shape"],
  ])
  const kept = await letters()
  expect(kept.map((row) => row["reason"])).toEqual(["not-json", "version", "identity", "subject", "shape"])
  expect(kept[0]).toMatchObject({ provider_id: "gpu-1", kind: "note", payload: "{ not json" })
  expect(kept[1]?.["problem"]).toBe("envelope version 9 is not 1")
  expect(ingest.counters().BOO_EVENTS).toMatchObject({ deadLetters: 5, stored: 1 })
})

it("keeps a thousand of what a broken host floods the stream with, counts the rest, and stores what others say", async () => {
  const { url } = await natsForTest()
  const { nc, ingest } = await startHub(url, { ackWaitMs: 60_000 })
  for (let n = 0; n < 1_300; n++) nc.publish("boo.v1.evt.gpu-1.note", `{ ${n}`)
  await nc.flush()
  await emit(nc, "note", note(1, "gpu-2"))
  await untilStored(["gpu-2 1"])
  await untilAcknowledged(nc)
  expect(ingest.counters().BOO_EVENTS).toMatchObject({ deadLetters: 1_300, stored: 1 })
  const kept = await letters()
  expect(kept).toHaveLength(1_000)
  expect(kept.reduce((sum, row) => sum + Number(row["more"]), 0)).toBe(300)
})

it("keeps one to count at where the kept ones were pruned", async () => {
  const { url } = await natsForTest()
  const { nc } = await startHub(url)
  const flood = async (from: number, to: number) => {
    for (let n = from; n < to; n++) nc.publish("boo.v1.evt.gpu-1.note", `{ ${n}`)
    await nc.flush()
    await untilAcknowledged(nc)
  }
  await flood(0, 1_000)
  await sql`truncate control_dead_letters`
  await flood(1_000, 1_010)
  const kept = await letters()
  expect(kept.length + kept.reduce((sum, row) => sum + Number(row["more"]), 0)).toBe(10)
  expect(kept[0]).toMatchObject({ payload: "{ 1000" })
})

it("keeps what makes no sense of one batch aside in one commit, with one line of the log for each host", async () => {
  const { url } = await natsForTest()
  const lines: string[] = []
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  const before = (messages: string[]) => (messages.includes("gpu-1 1") ? held : undefined)
  const log = pino({ level: "warn" }, { write: (line) => void lines.push(line) })
  const { nc, rejected, batches } = await startHub(url, { before, log })
  await emit(nc, "note", note(1))
  await vi.waitUntil(() => batches.length === 1)
  // While the first is stored these gather, and so make one batch.
  const js = jetstream(nc)
  for (let n = 0; n < 20; n++) {
    await js.publish("boo.v1.evt.gpu-1.note", `{ ${n}`)
    await js.publish("boo.v1.evt.gpu-2.note", `[ ${n}`)
  }
  await emit(nc, "note", note(2))
  release()
  await untilStored(["gpu-1 1", "gpu-1 2"])
  await untilAcknowledged(nc)
  expect(rejected).toHaveLength(40)
  const kept = await sql<{ payload: string; xmin: string }[]>`
    select convert_from(payload, 'utf8') as payload, xmin::text as xmin from control_dead_letters order by stream_seq`
  expect(kept.slice(0, 3).map(({ payload }) => payload)).toEqual(["{ 0", "[ 0", "{ 1"])
  expect([kept.length, new Set(kept.map(({ xmin }) => xmin)).size]).toEqual([40, 1])
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { host: "gpu-1", count: 20, reason: "not-json", msg: "messages not stored" },
    { host: "gpu-2", count: 20, reason: "not-json", msg: "messages not stored" },
  ])
})

it("keeps large messages aside, and what is no text", async () => {
  const { url } = await natsForTest()
  const { nc, rejected } = await startHub(url)
  const js = jetstream(nc)
  const odd = Uint8Array.from({ length: 900_000 }, (_, n) => (n * 7) % 256)
  for (let n = 0; n < 6; n++) await js.publish("boo.v1.evt.gpu-1.note", odd)
  await vi.waitUntil(() => rejected.length === 6, { timeout: 30_000 })
  const kept = await sql<{ payload: Buffer }[]>`select payload from control_dead_letters`
  expect(kept.filter(({ payload }) => payload.equals(odd))).toHaveLength(6)
})

it("finds the one message that Postgres refuses, keeps it aside, and stores all others of its batch", async () => {
  const { url } = await natsForTest()
  const poison = "gpu-1 37"
  const before = async (messages: string[]) => messages.includes(poison) && (await sql`select 'x'::int`)
  const { nc, rejected } = await startHub(url, { before })
  const emitted = await emitNotes(nc, 1, 100)
  await untilStored(emitted.filter((message) => message !== poison))
  await untilAcknowledged(nc)
  expect(rejected).toEqual([["gpu-1", "unstorable"]])
  const [letter] = await letters()
  expect(letter).toMatchObject({ reason: "unstorable", payload: JSON.stringify(note(37)) })
  expect(letter?.["problem"]).toContain("invalid input syntax")
})

/** Ended by the server because it takes too long. */
const tooSlow = () =>
  sql.begin(async (tx) => {
    await tx`set local statement_timeout = 10`
    await tx`select pg_sleep(5)`
  })

it("makes a batch smaller whose statement takes too long, until it passes, and keeps nothing aside", async () => {
  const { url } = await natsForTest()
  const before = async (messages: string[]) => messages.length > 3 && (await tooSlow())
  const { nc, batches, rejected, ingest } = await startHub(url, { before, handBackAfterMs: 50 })
  const emitted = await emitNotes(nc, 1, 100)
  await untilStored(emitted)
  await untilAcknowledged(nc)
  expect(batches.filter((batch) => batch.length <= 3).flat()).toEqual(emitted)
  expect(rejected).toEqual([])
  expect(ingest.counters().BOO_EVENTS).toMatchObject({ redelivered: 0, waitingForPostgres: false })
})

it("goes on beside a message whose statement takes too long even alone, and stores it when it can", async () => {
  const { url } = await natsForTest()
  let isHeldUp = true
  const before = async (messages: string[]) => isHeldUp && messages.includes("gpu-1 2") && (await tooSlow())
  const { nc, rejected } = await startHub(url, { before })
  const emitted = await emitNotes(nc, 1, 20)
  await untilStored(emitted.filter((message) => message !== "gpu-1 2"))
  isHeldUp = false
  await untilStored(emitted)
  await untilAcknowledged(nc)
  expect(rejected).toEqual([])
})

it("keeps a message aside once, however often it is delivered", async () => {
  const { url } = await natsForTest()
  const { nc, ingest } = await startHub(url)
  await jetstream(nc).publish("boo.v1.evt.gpu-1.note", "{")
  await vi.waitFor(async () => expect(await letters()).toHaveLength(1))
  await ingest.stop()
  // The hub died before its acknowledgement arrived: NATS gives the message to the next one.
  await (await jetstreamManager(nc)).consumers.delete("BOO_EVENTS", DURABLE)
  const again = await startHub(url)
  await vi.waitFor(() => expect(again.rejected).toHaveLength(1))
  expect(await letters()).toHaveLength(1)
})

it("waits for a Postgres that is away, loses nothing, hands nothing back, and keeps the order", async () => {
  const { url } = await natsForTest()
  let away = 5
  const gone = Object.assign(new Error("write CONNECTION_CLOSED"), { code: "CONNECTION_CLOSED" })
  const before = () => (away-- > 0 ? Promise.reject(gone) : undefined)
  const { nc, batches, repeated, ingest } = await startHub(url, { before, ackWaitMs: 1_000 })
  await emitNotes(nc, 1, 1)
  await vi.waitUntil(() => ingest.counters().BOO_EVENTS.waitingForPostgres)
  await emitNotes(nc, 2, 40)
  await untilStored(Array.from({ length: 40 }, (_, n) => `gpu-1 ${n + 1}`))
  await untilAcknowledged(nc)
  // Any but the first try may find what a commit left whose answer was lost: the handler is told.
  expect(repeated.slice(0, 7)).toEqual([false, true, true, true, true, true, false])
  expect(batches.slice(6).flat()).toEqual(Array.from({ length: 39 }, (_, n) => `gpu-1 ${n + 2}`))
  expect(ingest.counters().BOO_EVENTS).toMatchObject({
    redelivered: 0,
    deadLetters: 0,
    waitingForPostgres: false,
  })
})

it("gives what it holds to another hub when its own way to Postgres stays broken, and goes on when it is mended", async () => {
  const { url } = await natsForTest()
  const gone = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })
  let isBroken = true
  const before = () => (isBroken ? Promise.reject(gone) : undefined)
  const broken = await startHub(url, { before, ackWaitMs: 60_000, handBackAfterMs: 300 })
  const emitted = await emitNotes(broken.nc, 1, 40)
  await vi.waitUntil(() => broken.batches.length > 2)
  const whole = await startHub(url, { ackWaitMs: 60_000 })
  // The broken one takes messages again and again, and gives them back: how long that goes on is chance.
  await untilStored(emitted, 40_000)
  await untilAcknowledged(whole.nc)
  isBroken = false
  await whole.ingest.stop()
  const late = await emitNotes(broken.nc, 41, 50)
  await untilStored([...emitted, ...late])
}, 75_000)

it("gives a message whose row is not there yet another time", async () => {
  const { url } = await natsForTest()
  let refusals = 2
  const notYet = (messages: string[]) =>
    messages.includes("gpu-1 2") && refusals-- > 0 ? [messages.indexOf("gpu-1 2")] : []
  const { nc } = await startHub(url, { notYet })
  const emitted = await emitNotes(nc, 1, 3)
  await untilStored(emitted)
  await untilAcknowledged(nc)
  expect(await letters()).toHaveLength(0)
})

it("drops what a disabled host emits", async () => {
  const { url } = await natsForTest()
  const { nc, ingest } = await startHub(url, { disabled: ["gpu-2"] })
  await emit(nc, "note", note(1, "gpu-2"))
  await emit(nc, "note", note(2))
  await untilStored(["gpu-1 2"])
  await untilAcknowledged(nc)
  expect(ingest.counters().BOO_EVENTS).toMatchObject({ disabled: 1, stored: 1 })
})

it("stores everything once when a hub dies in the middle of a batch and another one goes on", async () => {
  const { url } = await natsForTest()
  const gone = Object.assign(new Error("the process is gone"), { code: "CONNECTION_ENDED" })
  let release = (): void => undefined
  const never = new Promise<never>((_resolve, reject) => (release = () => reject(gone)))
  // Commits part of it, then hangs before it acknowledges: what is left of a hub that was killed.
  const dying = await startHub(url, {
    before: async (messages) => {
      await sql`insert into stored select * from unnest(${messages.slice(0, 3)}::text[]) on conflict do nothing`
      return await never
    },
  })
  const emitted = await emitNotes(dying.nc, 1, 60)
  await vi.waitUntil(async () => (await stored()).length > 0)
  await dying.nc.close()
  const { nc, ingest } = await startHub(url)
  await untilStored(emitted)
  await untilAcknowledged(nc)
  expect(ingest.counters().BOO_EVENTS.redelivered).toBeGreaterThan(0)
  release()
})

it("shares the work with another hub, each message going to one of them", async () => {
  const { url } = await natsForTest()
  const slowly = () => new Promise((resolve) => setTimeout(resolve, 5))
  const [one, other] = await Promise.all([
    startHub(url, { before: slowly }),
    startHub(url, { before: slowly }),
  ])
  const emitted = await emitNotes(one.nc, 1, 400)
  await untilStored(emitted)
  await untilAcknowledged(one.nc)
  const handled = [...one.batches.flat(), ...other.batches.flat()]
  expect(handled.sort()).toEqual(emitted.sort())
})

it("gives back what it has not begun when it is stopped", async () => {
  const { url } = await natsForTest()
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  const first = await startHub(url, { before: () => held, ackWaitMs: 60_000 })
  const emitted = await emitNotes(first.nc, 1, 20)
  await vi.waitUntil(() => first.batches.length > 0)
  const stopped = first.ingest.stop()
  release()
  await stopped
  await startHub(url, { ackWaitMs: 60_000 })
  await untilStored(emitted)
})

it("goes on after nats-server was killed and came back", async () => {
  const nats = await natsForTest()
  const { nc } = await startHub(nats.url)
  const early = await emitNotes(nc, 1, 10)
  await untilStored(early)
  await nats.kill()
  await nats.restart()
  await vi.waitUntil(
    () =>
      nc.flush().then(
        () => true,
        () => false,
      ),
    { timeout: 30_000 },
  )
  const late = await vi.waitFor(() => emitNotes(nc, 11, 20), { timeout: 30_000 })
  await untilStored([...early, ...late])
}, 30_000)

it("records messages that aged out before any hub read them", async () => {
  const { url } = await natsForTest()
  const first = await startHub(url)
  await first.ingest.stop()
  await emitNotes(first.nc, 1, 5)
  const manager = await jetstreamManager(first.nc)
  for (const seq of [1, 2, 3]) await manager.streams.deleteMessage("BOO_EVENTS", seq)
  const { rejected } = await startHub(url)
  await untilStored(["gpu-1 4", "gpu-1 5"])
  expect(rejected).toEqual([[null, "aged-out"]])
  const [letter] = await letters()
  expect(letter).toMatchObject({ provider_id: null, reason: "aged-out", payload: null })
  expect(letter?.["problem"]).toContain("3 messages, sequence 1 to 3")
})

it("records messages that left the stream after it gave them back because Postgres was away", async () => {
  const { url } = await natsForTest()
  const gone = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })
  let isAway = true
  const before = () => (isAway ? Promise.reject(gone) : undefined)
  const { nc, rejected, batches } = await startHub(url, { before, ackWaitMs: 60_000, handBackAfterMs: 100 })
  await emitNotes(nc, 1, 5)
  await vi.waitUntil(() => new Set(batches.flat()).size === 5)
  // What age does to the oldest messages, without waiting for it. NATS counts them as acknowledged from then on.
  await (await jetstreamManager(nc)).streams.update("BOO_EVENTS", { max_msgs: 2 })
  await vi.waitUntil(() => rejected.length > 0, { timeout: 30_000 })
  isAway = false
  await untilStored(["gpu-1 4", "gpu-1 5"], 20_000)
  await untilAcknowledged(nc)
  expect(rejected).toEqual([[null, "aged-out"]])
  const [letter] = await letters()
  expect(letter?.["problem"]).toContain("up to 3 messages, sequence 1 to 3")
}, 45_000)

it("makes the streams anew when they are gone", async () => {
  const { url } = await natsForTest()
  const { nc } = await startHub(url)
  const manager = await jetstreamManager(nc)
  await manager.streams.delete("BOO_EVENTS")
  await vi.waitUntil(() => hasConsumers(nc), { timeout: 30_000 })
  await emit(nc, "note", note(1))
  await untilStored(["gpu-1 1"])
})
