import { afterAll, beforeAll, expect, it } from "vitest"
import { SwapsReply } from "@boocontrol/shared/swaps"
import { instantOf } from "@boocontrol/shared/time"
import { envelope, presence } from "../../test/example-host.ts"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"

let world: World
let hub: RunningHub
beforeAll(async () => {
  world = await newWorld("swaps")
  hub = await runHub(world)
  const reader = await hub.reader()
  world.say(envelope("presence", presence(), { host: "box", atMs: Date.now() }))
  await reader.until(() => reader.host("box") !== undefined, "the host")
})
afterAll(async () => {
  await hub.stop()
  await world.end()
})

const HOUR_MS = 3_600_000
const START_MS = Math.floor((Date.now() - 2 * HOUR_MS) / 60_000) * 60_000
const query = (range: Record<string, string>) =>
  hub.get(`/swaps?${new URLSearchParams({ provider_id: "box", ...range }).toString()}`)

it("tells what loads took and that no energy is known where none was measured", async () => {
  const at = (seconds: number) => instantOf(START_MS + seconds * 1_000)
  const transition = (model: string, to: "starting" | "ready", seconds: number) => ({
    ...{ model, from: null, to, at: at(seconds), reason: null },
  })
  const data = {
    models: [],
    transitions: [transition("m", "starting", 0), transition("m", "ready", 12)],
  }
  // Said again until it is stored: a sidecar sends until JetStream has it, and the stream may just be being made.
  const say = () => world.say(envelope("models", data, { host: "box", seq: 1, atMs: Date.now() }))
  const asked = { from: at(-60), to: at(60) }
  await expect
    .poll(async () => (say(), SwapsReply.parse(await (await query(asked)).json())), { timeout: 30_000 })
    .toMatchObject({
      ...asked,
      power_step_s: 10,
      lost_ms: 12_000,
      lost_joules: null,
      models: [{ model: "m", loads: 1, failed: 0, load_ms: 12_000, load_joules: null }],
      thrash: [],
      energy: [],
    })
})

it("refuses a host that is not there, and a range that is too long", async () => {
  const unknown = await hub.get("/swaps?provider_id=nobody")
  expect([unknown.status, await unknown.json()]).toMatchObject([404, { code: "HOST_NOT_FOUND" }])
  const long = await query({ from: instantOf(START_MS - 8 * 24 * HOUR_MS), to: instantOf(START_MS) })
  expect([long.status, await long.json()]).toMatchObject([
    400,
    { error: expect.stringContaining("at most 7 days") as string },
  ])
})
