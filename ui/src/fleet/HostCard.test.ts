// @vitest-environment happy-dom
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { clockMinute } from "../kit/format.ts"
import { NOW, aGpu, aHost, aModel, aSample } from "../test/examples.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import HostCard from "./HostCard.vue"

const AGO = NOW - 14 * 60_000
const model = aModel({ id: "qwen3-8b", state: "ready", ttl_s: 0 })
const sample = aSample(NOW - 500, [aGpu({ mem_used_mib: 10_240, temp_c: 61 })])

function card(given: Record<string, unknown>) {
  const host = aHost({ models: [model], sample, ...given })
  const rig = cockpit([host])
  const shown = rig.show(HostCard, { id: host.provider_id, showHidden: false })
  return { ...rig, shown, words: () => wordsOf(shown) }
}

describe("the card of a host that is", () => {
  it("connected: shows what it measures and holds, and asks for its samples", async () => {
    const { shown, words, needed } = card({})
    expect(shown.get(".used").text()).toMatch(/^10\.0/)
    await expect.poll(words).toContain("61°")
    expect(shown.get("[data-model=qwen3-8b]").attributes("data-state")).toBe("ready")
    expect(shown.find(".dimmed").exists()).toBe(false)
    expect(needed).toEqual(["perf:box"])
  })

  it("connected, but silent for long: shows no old reading as one of now", async () => {
    const { shown, now } = card({})
    now.value += 60_000
    await shown.vm.$nextTick()
    expect(shown.get(".used").text()).toMatch(/^–/)
    expect(wordsOf(shown)).not.toContain("61°")
  })

  it("reconnecting: says since when", () => {
    const { shown, words } = card({ liveness: "reconnecting", last_seen_at: instantOf(AGO) })
    expect(words()).toContain("reconnecting · last seen 14 min ago")
    expect(shown.get(".dot").classes()).toContain("warn")
  })

  it("down: dimmed, and its models are unknown, not stopped", () => {
    const unknown = aModel({ id: "qwen3-8b", state: null })
    const { shown, words } = card({
      liveness: "down",
      last_seen_at: instantOf(AGO),
      models: [unknown],
      sample: null,
    })
    expect(words()).toContain("down · last seen 14 min ago")
    expect(words()).toContain(`unknown since ${clockMinute(AGO)}`)
    expect(words()).not.toContain("not loaded")
    expect(shown.find(".dimmed").exists()).toBe(true)
  })

  it("never heard from: says that its models are not known yet", () => {
    const { words } = card({ liveness: "down", last_seen_at: null, models: [], sample: null })
    expect(words()).toContain("never heard from")
    expect(words()).toContain("Its models are not known yet")
  })

  it("refused by its engine for a wrong API key: says so in full", () => {
    const message = "llama-swap refuses the API key: set LLAMA_SWAP_API_KEY"
    const { shown } = card({ problem: { code: "ENGINE_KEY_REFUSED", message, since: instantOf(AGO) } })
    expect(shown.get(".problem").text()).toBe(message)
    expect(shown.get(".dot").classes()).toContain("bad")
  })

  it("claimed by a twin: says what to do", () => {
    const { shown, words } = card({ twin: { instance: "6f0c2f3e", at: instantOf(AGO) } })
    expect(words()).toContain("a twin was refused")
    expect(shown.get(".trouble").attributes("title")).toContain("give it its own BOO_HOST_ID, or stop it")
  })

  it("simulated: is labelled", () => {
    expect(card({ simulated: true }).shown.find(".simulated").text()).toBe("simulated")
    expect(card({}).shown.find(".simulated").exists()).toBe(false)
  })

  it("without a disk for its spool: says what is at risk", () => {
    const spool = { depth: 3, bytes: 0, oldest_at: null, dropped: 0, problem: "no space left" }
    const { shown } = card({ spool })
    expect(shown.get(".trouble").text()).toContain("spool not safe")
    expect(shown.get(".trouble").attributes("title")).toContain("free space")
  })
})

describe("a model on its card", () => {
  it.each([
    ["ready", { state: "ready", ttl_s: 0 }, "ready · stays", false],
    ["starting", { state: "starting" }, "starting", true],
    ["unloading", { state: "stopping" }, "unloading", true],
    ["not loaded", { state: "stopped" }, "not loaded", false],
    ["failed", { state: "error", error: "out of memory" }, "failed to load", false],
  ] as const)("%s", (_what, given, words, pulses) => {
    const { shown } = card({ models: [aModel({ id: "m", ...given })] })
    const row = shown.get("[data-model=m]")
    expect(row.attributes("data-state")).toBe(given.state)
    expect(row.get(".chip").text()).toBe(words)
    expect(row.find(".pulse").exists()).toBe(pulses)
  })

  it("counts down to its unloading", async () => {
    const held = aModel({ id: "m", state: "ready", ttl_s: 600, expires_at: instantOf(NOW + 300_000) })
    const { shown, now } = card({ models: [held] })
    expect(shown.get(".chip").text()).toBe("ready · 5m left")
    now.value += 240_000
    await shown.vm.$nextTick()
    expect(shown.get("[data-model=m] .chip").text()).toBe("ready · 1m left")
  })

  it("is not there when it is hidden, and counted instead", () => {
    const { shown, words } = card({ models: [aModel({ id: "m", hidden: true })] })
    expect(shown.find("[data-model=m]").exists()).toBe(false)
    expect(words()).toContain("All its models are hidden")
    expect(words()).toContain("1 hidden")
  })
})
