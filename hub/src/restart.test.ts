import { afterAll, beforeAll, expect, it } from "vitest"
import { jetstreamManager } from "@nats-io/jetstream"
import type { ObservedRequest } from "@boocontrol/shared/activity"
import { SwapEpoch } from "@boocontrol/shared/ids"
import { at, envelope, model, presence, uuid } from "../test/example-host.ts"
import { newWorld, runHub } from "../test/running-hub.ts"
import type { RunningHub, World } from "../test/running-hub.ts"

const HOSTS = ["r0", "r1", "r2"]

let world: World
let hub: RunningHub
beforeAll(async () => {
  world = await newWorld("restart")
  hub = await runHub(world)
})
afterAll(async () => {
  await hub.stop()
  await world.end()
})

function request(entry: number): ObservedRequest {
  return {
    ...{ swap_epoch: SwapEpoch.parse(uuid(9)), swap_entry_id: entry, ts: at(Date.now()), model: "m" },
    ...{ req_path: "/v1/chat/completions", status_code: 200, duration_ms: 12, cache_tokens: null },
    ...{ input_tokens: 3, prompt_tokens: 3, uncached_tokens: null, token_basis: "usage", output_tokens: 5 },
    ...{ prompt_tps: null, gen_tps: null, draft_tokens: null, draft_accepted: null, error: null },
    ...{
      has_capture: false,
      source: null,
      request_id: null,
      client_ip: null,
      user_agent: null,
      session_id: null,
      attribution: null,
    },
  }
}

/** Rows of every host, one after the other, for as long as it is not told to end. Gives how many there were. */
function keepBusy(): () => Promise<number> {
  const ending = new AbortController()
  let said = 0
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      said += 1
      for (const host of HOSTS) {
        world.say(envelope("activity", { rows: [request(said)] }, { host, seq: said + 1, atMs: Date.now() }))
      }
      await world.nc.flush()
    }
  }
  const running = run()
  return async () => {
    ending.abort()
    await running
    return said
  }
}

it("comes back from a restart under load with what was known, a higher seq, and every row once", async () => {
  const manager = await jetstreamManager(world.nc)
  await expect.poll(() => manager.streams.names().next(), { timeout: 30_000 }).toContain("BOO_EVENTS")
  const before = await hub.reader()
  for (const host of HOSTS) {
    world.say(envelope("presence", presence(), { host, atMs: Date.now() }))
    const models = [model("m", "ready"), model("n", "stopped")]
    world.say(envelope("models", { models, transitions: [] }, { host, seq: 1, atMs: Date.now() }))
  }
  for (const host of HOSTS) {
    await before.until(() => before.host(host)?.models[0]?.state === "ready", `models of ${host}`)
  }
  const endLoad = keepBusy()
  const first = await hub.fleet()
  await hub.stop()
  hub = await runHub(world)

  const rebuilt = await hub.fleet()
  expect(rebuilt.hub_id).not.toBe(first.hub_id)
  for (const host of HOSTS) {
    expect(rebuilt.seqs[host]).toBeGreaterThan(first.seqs[host] ?? Infinity)
    expect(rebuilt.hosts.find(({ provider_id }) => provider_id === host)).toMatchObject({
      ...{ liveness: "reconnecting", last_seen_at: expect.any(String), engine_version: "v240" },
      models: [
        { id: "m", state: null },
        { id: "n", state: null },
      ],
    })
  }

  const after = await hub.reader()
  for (const host of HOSTS) world.say(envelope("presence", presence(), { host, atMs: Date.now() }))
  for (const host of HOSTS) {
    // Nobody says it again: it is what the host said last, in the same life.
    await after.until(() => after.host(host)?.models[0]?.state === "ready", `models of ${host}`)
  }
  const said = await endLoad()
  const stored = async (): Promise<unknown> => {
    const rows = await world.database.sql`
      select provider_id, count(*)::int as rows, count(distinct swap_entry_id)::int as different
      from control_requests group by 1 order by 1`
    return [...rows]
  }
  // What was on its way to the hub that stopped is handed to the other when its time to acknowledge is over.
  await expect
    .poll(stored, { timeout: 30_000, interval: 200 })
    .toEqual(HOSTS.map((host) => ({ provider_id: host, rows: said, different: said })))
}, 45_000)

it("keeps a removed host removed, and its history", async () => {
  const count = async (): Promise<number> => {
    const rows = await world.database.sql`
      select count(*)::int as rows from control_requests where provider_id = 'r1'`
    return Number(rows[0]?.["rows"])
  }
  const rows = await count()
  const reader = await hub.reader()
  await reader.until(() => reader.host("r1") !== undefined, "the host")
  expect((await hub.get("/hosts/r1", { method: "DELETE" })).status).toBe(204)
  await reader.until(() => reader.host("r1") === undefined, "the host gone")
  await hub.stop()
  hub = await runHub(world)
  expect((await hub.fleet()).hosts.map(({ provider_id }) => provider_id)).toEqual(["r0", "r2"])
  expect(rows).toBeGreaterThan(0)
  expect(await count()).toBe(rows)
})
