import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest"
import { natsForTest } from "../../../deploy/test/services/nats.ts"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { systemClock } from "../platform/clock.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { DURABLE } from "../platform/streams.ts"
import { createIngest } from "./index.ts"
import type { Rejected } from "./index.ts"

const YEAR_MS = 365 * 24 * 3_600_000
let sql: Sql

beforeAll(async () => {
  const { url } = await testDatabase("ingest_future")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
})
afterAll(() => sql.end())

/** A hub whose clock is off by so much, as long as nobody puts it right. */
async function startHub(offMs: number) {
  const { url } = await natsForTest()
  const nc = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })
  const limits = { maxBytes: 64 * 1024 * 1024, maxAgeMs: 24 * 3_600_000 }
  const offset = { ms: offMs }
  const stored: string[] = []
  const rejected: Rejected[] = []
  const ingest = createIngest({
    ...{ sql, nc, log: silentLog, streams: { BOO_EVENTS: limits, BOO_PERF: limits } },
    clock: { ...systemClock, now: () => systemClock.now() + offset.ms },
    handlers: {
      note: async (notes) => void stored.push(...notes.map(({ data }) => data.note)),
      perf: async (all) => void stored.push(...all.map(({ data }) => `${data.samples.length} samples`)),
    },
    hosts: { ensureHost: () => Promise.resolve(), isEnabled: () => true },
    onRejected: (one) => rejected.push(one),
  })
  ingest.start()
  onTestFinished(async () => {
    await ingest.stop()
    await nc.close()
  })
  const manager = await jetstreamManager(nc)
  await vi.waitFor(() => manager.consumers.info("BOO_EVENTS", DURABLE), { timeout: 30_000 })
  await vi.waitFor(() => manager.consumers.info("BOO_PERF", DURABLE), { timeout: 30_000 })
  let seq = 0
  const emit = (kind: string, data: object) =>
    jetstream(nc).publish(
      `boo.v1.evt.gpu-1.${kind}`,
      JSON.stringify({
        ...{ v: 1, host: "gpu-1", seq: ++seq, kind, at: at(0), data },
        instance: "0193a000-0000-4000-8000-0000000000a0",
        boot: "0193a000-0000-4000-8000-0000000000b0",
      }),
    )
  return { ingest, manager, emit, offset, stored, rejected }
}

const at = (aheadMs: number) => new Date(systemClock.now() + aheadMs).toISOString()
const noteOf = (name: string, aheadMs: number) => ({ note: name, ts: at(aheadMs), detail: {} })
const sampleAt = (aheadMs: number) => ({ ts: at(aheadMs), gpu: null, sys: null, source: "os" })

async function letters() {
  const rows = await sql`
    select kind, reason, problem, payload is not null as is_kept from control_dead_letters order by kind`
  return [...rows]
}

it("keeps aside what is years ahead, with its payload, and stores what comes with it and behind it", async () => {
  await sql`truncate control_dead_letters`
  const { emit, stored, rejected, ingest, manager } = await startHub(0)
  await emit("note", noteOf("years_ahead", 10 * YEAR_MS))
  await emit("note", noteOf("an_hour_ahead", 3_600_000))
  await emit("perf", { samples: [sampleAt(0), sampleAt(10 * YEAR_MS)] })
  await vi.waitFor(() => expect(stored.toSorted()).toEqual(["1 samples", "an_hour_ahead"]), {
    timeout: 20_000,
  })
  await vi.waitFor(() => expect(rejected.map(({ reason }) => reason)).toEqual(["future", "future"]))
  const problem = expect.stringContaining("more than a day ahead of the hub's clock")
  expect(await letters()).toEqual([
    { kind: "note", reason: "future", problem, is_kept: true },
    { kind: "perf", reason: "future", problem, is_kept: true },
  ])
  expect(ingest.counters()).toMatchObject({ BOO_EVENTS: { deadLetters: 1 }, BOO_PERF: { deadLetters: 1 } })
  for (const stream of ["BOO_EVENTS", "BOO_PERF"]) {
    await vi.waitFor(async () =>
      expect(await manager.consumers.info(stream, DURABLE)).toMatchObject({
        num_ack_pending: 0,
        num_pending: 0,
      }),
    )
  }
})

it("stores what it kept aside while its own clock was years behind, once that is right and its durable is removed", async () => {
  await sql`truncate control_dead_letters`
  const { emit, stored, rejected, offset, manager } = await startHub(-6 * YEAR_MS)
  await emit("note", noteOf("as_it_was", 0))
  await vi.waitFor(() => expect(rejected).toHaveLength(1), { timeout: 20_000 })
  expect(stored).toEqual([])
  offset.ms = 0
  await manager.consumers.delete("BOO_EVENTS", DURABLE)
  await vi.waitFor(() => expect(stored).toEqual(["as_it_was"]), { timeout: 20_000 })
  expect(await letters()).toMatchObject([{ reason: "future" }])
}, 45_000)
