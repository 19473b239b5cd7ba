import { jetstream } from "@nats-io/jetstream"
import { afterAll, beforeAll, expect, it, vi } from "vitest"
import type { Envelope } from "@boocontrol/shared/envelope"
import { subjects } from "@boocontrol/shared/subjects"
import { newWorld, runHub } from "../test/running-hub.ts"
import type { RunningHub, World } from "../test/running-hub.ts"
import { readConfig } from "./config.ts"
import { createSamplesApart } from "./samples-apart.ts"
import { perfMessage, sample } from "./telemetry/samples-for-tests.ts"

const WITHIN = { timeout: 30_000, interval: 50 }
const START_MS = Date.now() - 60_000

let world: World
let hub: RunningHub
beforeAll(async () => {
  world = await newWorld("samples_apart")
  hub = await runHub(world, { samplesApart: true })
})
afterAll(async () => {
  await hub.stop()
  await world.end()
})

async function emit(message: Envelope<"perf">): Promise<void> {
  const publish = () =>
    jetstream(world.nc).publish(subjects.event(message.host, "perf"), JSON.stringify(message))
  await vi.waitFor(publish, WITHIN)
}

const stored = async (host: string): Promise<number> =>
  (
    await world.database.sql<{ n: number }[]>`
      select count(*)::int as n from control_perf_samples where provider_id = ${host}`
  )[0]?.n ?? 0
const averages = async (host: string): Promise<number> =>
  (
    await world.database.sql<{ n: number }[]>`
      select coalesce(sum(samples), 0)::int as n from control_perf_rollup_10s where provider_id = ${host}`
  )[0]?.n ?? 0
const isListed = async (host: string): Promise<boolean> =>
  (await (await hub.get("/hosts")).text()).includes(`"provider_id":"${host}"`)
/** Of the stream, as the Storage page has it. */
async function perfStream(): Promise<unknown> {
  const reply = (await (await hub.get("/storage")).json()) as { streams: { stream: string }[] }
  return reply.streams.find(({ stream }) => stream === "BOO_PERF")
}
const samplesOf = (count: number, atMs = START_MS) =>
  Array.from({ length: count }, (_, n) => sample(atMs + n * 1_000))

it("registers a host, stores its samples and their averages, and tells what it did", async () => {
  await emit(perfMessage(samplesOf(20), { host: "apart", seq: 1 }))
  await vi.waitFor(async () => expect(await stored("apart")).toBe(20), WITHIN)
  await vi.waitFor(async () => expect(await averages("apart")).toBe(20), WITHIN)
  await vi.waitFor(async () => expect(await perfStream()).toMatchObject({ received: 1, stored: 1 }), WITHIN)
  await vi.waitFor(async () => expect(await isListed("apart")).toBe(true), WITHIN)
})

it("hears of a host that is disabled, and stores none of its samples", async () => {
  await emit(perfMessage(samplesOf(2), { host: "off", seq: 1 }))
  await vi.waitFor(async () => expect(await stored("off")).toBe(2), WITHIN)
  await vi.waitFor(async () => expect(await isListed("off")).toBe(true), WITHIN)
  const reply = await hub.send("PATCH", "/hosts/off", { enabled: false })
  expect(reply.status).toBe(200)
  for (let seq = 2; ; seq++) {
    await emit(perfMessage(samplesOf(1, START_MS + seq * 1_000), { host: "off", seq }))
    if ((JSON.stringify(await perfStream()).match(/"disabled":(\d+)/)?.[1] ?? "0") !== "0") break
  }
  const before = await stored("off")
  await emit(perfMessage(samplesOf(1, START_MS - 1_000), { host: "off", seq: 10_000 }))
  await emit(perfMessage(samplesOf(1, START_MS - 1_000), { host: "apart", seq: 2 }))
  await vi.waitFor(async () => expect(await stored("apart")).toBe(21), WITHIN)
  expect(await stored("off")).toBe(before)
})

it("leaves what comes after it was stopped to the next hub", async () => {
  await hub.stop()
  await emit(perfMessage(samplesOf(3), { host: "later", seq: 1 }))
  hub = await runHub(world, { samplesApart: true })
  await vi.waitFor(async () => expect(await stored("later")).toBe(3), WITHIN)
})

it("says why it cannot start", async () => {
  const env = { DATABASE_URL: "postgres://boo@127.0.0.1:1/none", NATS_URL: world.nats.url }
  const samples = createSamplesApart({
    config: readConfig({ env: { ...env, BOO_LOG_LEVEL: "silent" } }),
    onRejected: () => undefined,
  })
  await expect(samples.start()).rejects.toThrow("ECONNREFUSED")
})
