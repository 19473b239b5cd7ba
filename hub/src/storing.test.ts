import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync } from "node:fs"
import { join } from "node:path"
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { afterAll, beforeAll, expect, inject, it, vi } from "vitest"
import { CommittedActivity } from "@boocontrol/shared/activity"
import type { Envelope } from "@boocontrol/shared/envelope"
import { messageIdOf } from "@boocontrol/shared/envelope"
import { NatsErrorReply } from "@boocontrol/shared/errors"
import { ResumeReply } from "@boocontrol/shared/resume"
import { subjects } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import { envelope, hostId, instance } from "../test/example-host.ts"
import { newWorld } from "../test/running-hub.ts"
import type { World } from "../test/running-hub.ts"
import { FIRST_EPOCH, enrichmentOf, observed } from "./activity/samples-for-tests.ts"
import { DURABLE, STREAM_NAMES } from "./platform/streams.ts"
import { sample } from "./telemetry/samples-for-tests.ts"

let world: World
beforeAll(async () => {
  world = await newWorld("storing")
})
afterAll(() => world.end())

/** A hub of its own process, so that it can be killed as a power cut would. */
function spawnHub(): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, "main.ts"), "serve"], {
    stdio: "ignore",
    env: {
      DATABASE_URL: world.database.url,
      NATS_URL: world.nats.url,
      BOO_LISTEN: "127.0.0.1:0",
      BOO_DATA_DIR: mkdtempSync(join(inject("testFolder"), "storing-")),
      BOO_LOG_LEVEL: "silent",
    },
  })
}

async function kill(hub: ChildProcess): Promise<void> {
  const exited = once(hub, "exit")
  hub.kill("SIGKILL")
  await exited
}

/** As a sidecar does: the same message again until it is acknowledged. */
async function emit(message: Envelope, msgID: string): Promise<void> {
  const subject = subjects.event(message.host, message.kind)
  const publish = () => jetstream(world.nc).publish(subject, JSON.stringify(message), { msgID })
  await vi.waitFor(publish, { timeout: 30_000, interval: 100 })
}

async function emitAll(host: string, life: string): Promise<void> {
  for (const message of messagesOf(host)) {
    await emit(message, life + messageIdOf({ ...message, seq: message.seq ?? 0 }))
  }
}

const START_MS = Date.UTC(2026, 10, 22, 8)
const HOSTS = ["one", "two", "three"]
const MESSAGES = 200

function messagesOf(host: string): Envelope[] {
  return Array.from({ length: MESSAGES }, (_, n) => {
    const rows = [2 * n, 2 * n + 1].map((entry) => observed({ swap_entry_id: entry }))
    const before =
      n === 0 ? [] : [enrichmentOf(observed({ swap_entry_id: 2 * n - 1 }), { source: `source-${n}` })]
    return [
      envelope("activity", { rows, enrichments: before }, { host, seq: 2 * n + 1, atMs: START_MS }),
      envelope("perf", { samples: [sample(START_MS + n * 1_000)] }, { host, seq: 2 * n + 2, atMs: START_MS }),
    ]
  }).flat()
}

async function count(table: "control_requests" | "control_perf_samples"): Promise<number> {
  const [found] = await world.database.sql<
    { there: boolean }[]
  >`select to_regclass(${table}) is not null as there`
  if (found?.there !== true) return 0
  const [row] = await world.database.sql<
    { n: number }[]
  >`select count(*)::int as n from ${world.database.sql(table)}`
  return row?.n ?? 0
}

async function cutPostgres(): Promise<void> {
  await world.database.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'boocontrol-hub'`
}

async function untilAcknowledged(): Promise<void> {
  const manager = await jetstreamManager(world.nc)
  const isDone = async (stream: string): Promise<boolean> => {
    const { num_pending, num_ack_pending } = await manager.consumers.info(stream, DURABLE)
    return num_pending + num_ack_pending === 0
  }
  for (const stream of STREAM_NAMES)
    await vi.waitUntil(() => isDone(stream), { timeout: 60_000, interval: 50 })
}

it("stores exactly what was emitted while hubs are killed and Postgres cuts them off", async () => {
  const announced = new Set<string>()
  world.nc.subscribe(subjects.hubOfTopic("activity"), {
    callback: (_error, msg) => {
      for (const row of CommittedActivity.parse(msg.json()).rows)
        announced.add(`${row.provider_id} ${row.swap_entry_id}`)
    },
  })
  let hub = spawnHub()
  const emitting = Promise.all(HOSTS.map((host) => emitAll(host, "")))
  for (const share of [0.1, 0.3, 0.5]) {
    await vi.waitUntil(async () => (await count("control_requests")) > share * 2 * MESSAGES * HOSTS.length, {
      timeout: 60_000,
      interval: 10,
    })
    await cutPostgres()
    await kill(hub)
    hub = spawnHub()
  }
  await emitting
  // A sidecar whose spool was kept too long sends all of it again, when NATS no longer knows the ids.
  await emitAll("two", "again ")
  await untilAcknowledged()

  expect(await count("control_requests")).toBe(2 * MESSAGES * HOSTS.length)
  const rows = await world.database.sql`
    select provider_id, swap_entry_id::int as entry, source from control_requests order by provider_id, swap_entry_id`
  const expected = [...HOSTS].sort().flatMap((host) =>
    Array.from({ length: 2 * MESSAGES }, (_, entry) => ({
      ...{ provider_id: host, entry },
      source: entry % 2 === 1 && entry < 2 * MESSAGES - 1 ? `source-${(entry + 1) / 2}` : null,
    })),
  )
  expect([...rows]).toEqual(expected)
  expect(announced.size).toBe(expected.length)
  expect(await world.database.sql`select * from control_dead_letters`).toHaveLength(0)
  expect(await count("control_perf_samples")).toBe(MESSAGES * HOSTS.length)

  const asked = await world.nc.request(
    subjects.askResume(hostId("two")),
    JSON.stringify({ v: 1, instance: instance(1) }),
  )
  expect(ResumeReply.parse(asked.json())).toMatchObject({
    row: { swap_epoch: FIRST_EPOCH, swap_entry_id: 2 * MESSAGES - 1 },
    sample_ts: instantOf(START_MS + (MESSAGES - 1) * 1_000),
  })
  const refused = await world.nc.request(subjects.askResume(hostId("two")), "{}")
  expect(NatsErrorReply.parse(refused.json())).toMatchObject({ error: { code: "BAD_REQUEST" } })
  await kill(hub)
}, 120_000)
