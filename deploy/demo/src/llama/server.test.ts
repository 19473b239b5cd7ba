import { expect, it } from "vitest"
import { createVirtualClock } from "../clock.ts"
import { createRandom } from "../random.ts"
import { ModelScenario } from "../scenario.ts"
import { createLlamaLog } from "./log-lines.ts"
import { createLlamaServer, type Task } from "./server.ts"
import { timingsOf } from "./timings.ts"

function setUp(slots = 2) {
  const clock = createVirtualClock()
  const random = createRandom(3)
  let text = ""
  const model = ModelScenario.parse({ id: "m", slots, prefill_tps: 1000, decode_tps: 100 })
  const log = createLlamaLog({ clock, random, write: (chunk) => (text += chunk) })
  const server = createLlamaServer({ model, clock, random, log })
  const run = (task: Partial<Task>, signal = new AbortController().signal) => {
    const counts: number[] = []
    const whole = {
      prompt: { tokens: 500, session: null, text: null },
      outputTokens: 100,
      cachePrompt: true,
      tickMs: 50,
    }
    const result = server.run(
      { ...whole, ...task },
      { signal, onPromptDone() {}, onTokens: (count) => counts.push(count) },
    )
    return { result, counts }
  }
  return { clock, server, run, text: () => text }
}

it("takes as long as its speeds say and counts up to the last token", async () => {
  const { clock, run } = setUp()
  const { result, counts } = run({})
  await clock.advance(3000)
  const done = await result
  if (done.kind !== "done") throw new Error("aborted")
  const timings = timingsOf(done.measured)
  expect(timings.prompt_per_second).toBeGreaterThan(900)
  expect(timings.prompt_per_second).toBeLessThan(1100)
  expect(timings.predicted_per_second).toBeCloseTo(1000 / timings.predicted_per_token_ms, 6)
  expect(timings.predicted_per_second).toBeGreaterThan(90)
  expect(counts.at(-1)).toBe(100)
  expect(counts).toEqual(counts.toSorted((left, right) => left - right))
})

it("processes only what the cache does not hold, and all of it on request", async () => {
  const { clock, run } = setUp()
  const cached: number[] = []
  const text = "x".repeat(2000)
  for (const task of [{}, {}, { cachePrompt: false }]) {
    const { result } = run({ prompt: { tokens: 500, session: null, text }, ...task })
    await clock.advance(5000)
    const done = await result
    if (done.kind === "done") cached.push(done.measured.cacheN)
  }
  expect(cached).toEqual([0, 499, 0])
})

it("queues what has no slot and serves it afterwards", async () => {
  const { clock, server, run } = setUp(1)
  const first = run({})
  const second = run({})
  await clock.advance(1000)
  expect(server.slots.filter((slot) => slot.busy).length).toBe(1)
  expect(second.counts).toEqual([])
  await clock.advance(5000)
  expect([(await first.result).kind, (await second.result).kind]).toEqual(["done", "done"])
})

it("stops at once when it is called off, and its slot is free again", async () => {
  const { clock, server, run } = setUp(1)
  const abort = new AbortController()
  const { result } = run({}, abort.signal)
  await clock.advance(800)
  abort.abort()
  expect((await result).kind).toBe("aborted")
  expect(server.slots.every((slot) => !slot.busy)).toBe(true)
})

it("measures how busy it was by what it did", async () => {
  const { clock, server, run } = setUp()
  void run({})
  await clock.advance(1000)
  const work = server.meter.take()
  expect(work.prefill).toBeGreaterThan(0.4)
  expect(work.decode).toBeGreaterThan(0.3)
  expect(work.prefill + work.decode).toBeCloseTo(1, 5)
})

it("writes the log of a llama-server", async () => {
  const { clock, run, text } = setUp()
  const { result } = run({})
  await clock.advance(3000)
  await result
  expect(text()).toMatch(
    /^0\.00\.000\.\d{3} I slot launch_slot_: id {2}0 \| task 0 \| processing task, is_child = 0\n/,
  )
  expect(text()).toMatch(
    /I slot print_timing: id {2}0 \| task 0 \| prompt eval time = +\d+\.\d\d ms \/ +500 tokens/,
  )
})
