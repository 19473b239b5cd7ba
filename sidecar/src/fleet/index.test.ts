import type { ModelsData } from "@boocontrol/shared/models"
import { describe, expect, it } from "vitest"
import { manualClock } from "../platform/clock-manual.ts"
import { createFleetTracker } from "./index.ts"
import type { ListedModel } from "./ports.ts"

function tracker() {
  const clock = manualClock()
  const sent: ModelsData[] = []
  const gpu = { usedMib: null as number | null }
  const made = createFleetTracker({
    clock,
    sink: { models: (data) => sent.push(data) },
    gpuMemory: { usedMib: () => gpu.usedMib, processes: () => [] },
  })
  const list = (states: Record<string, ListedModel["state"]>) =>
    made.list(
      Object.entries(states).map(([id, state]) => ({
        id,
        name: null,
        description: null,
        aliases: [],
        state,
        context_length: null,
        unlisted: false,
        peer: null,
        capabilities: [],
      })),
    )
  return { clock, sent, gpu, made, list }
}

describe("telling of models", () => {
  it("sends the first list, then only what changed", async () => {
    const { clock, sent, made, list } = tracker()
    made.connected()
    list({ a: "stopped" })
    list({ a: "stopped" })
    await clock.advance(5_000)
    list({ a: "starting" })
    expect(sent.map(({ models }) => models[0]?.state)).toEqual(["stopped", "starting"])
    expect(sent[1]?.transitions).toMatchObject([{ model: "a", from: "stopped", to: "starting" }])
  })

  it("gathers changes that are no transition for a second", async () => {
    const { clock, sent, made, list } = tracker()
    made.connected()
    list({ a: "ready" })
    made.running([{ id: "a", state: "ready", ttl_s: 300, quant: null }], true)
    made.busy(new Set())
    for (let count = 0; count < 50; count++) {
      made.requestEnded("a", clock.now())
      await clock.advance(10)
    }
    expect(sent.length).toBe(1)
    await clock.advance(1_000)
    expect(sent.length).toBe(2)
    expect(sent[1]?.models[0]?.expires_at).not.toBe(null)
  })

  it("knows no state when the engine is down, and tells what changed meanwhile when it is back", async () => {
    const { sent, made, list } = tracker()
    made.connected()
    list({ a: "ready" })
    made.ended(false)
    expect(sent.length).toBe(1)
    made.ended(true)
    expect(sent.at(-1)?.models[0]?.state).toBe(null)
    made.connected()
    list({ a: "stopped" })
    expect(sent.at(-1)).toMatchObject({
      models: [{ state: "stopped", state_since: null }],
      transitions: [{ from: "ready", to: "stopped" }],
    })
  })

  it("gives up waiting for the reason of a failed start", async () => {
    const { clock, sent, made, list } = tracker()
    made.connected()
    list({ a: "stopped" })
    list({ a: "starting" })
    list({ a: "stopped" })
    await clock.advance(1_000)
    expect(sent.at(-1)?.models[0]).toMatchObject({ state: "error", error: "stopped before it was ready" })
  })

  it("measures what a load took from the GPU's memory", async () => {
    const { clock, sent, gpu, made, list } = tracker()
    gpu.usedMib = 1_000
    made.connected()
    list({ a: "stopped" })
    list({ a: "starting" })
    gpu.usedMib = 9_000
    list({ a: "ready" })
    await clock.advance(5_000)
    expect(sent.at(-1)?.models[0]).toMatchObject({ vram_mib: 8_000, vram_basis: "load_delta" })
  })

  it("does not believe a load during which another model changed", async () => {
    const { clock, sent, gpu, made, list } = tracker()
    gpu.usedMib = 1_000
    made.connected()
    list({ a: "stopped", b: "ready" })
    list({ a: "starting", b: "ready" })
    list({ a: "starting", b: "stopped" })
    gpu.usedMib = 9_000
    list({ a: "ready", b: "stopped" })
    await clock.advance(5_000)
    expect(sent.at(-1)?.models[0]).toMatchObject({ state: "ready", vram_mib: null })
  })
})
