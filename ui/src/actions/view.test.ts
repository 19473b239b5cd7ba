import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { NOW, aHost, aModel, anAction } from "../test/examples.ts"
import { actionStanding, modelButton, queueWords, whyNotNow } from "./view.ts"

describe("an action", () => {
  const began = instantOf(NOW - 12_000)
  it.each([
    [anAction(), "waits its turn"],
    [anAction({ state: "running", started_at: began }), "for 12 s"],
    [anAction({ state: "done", took_ms: 4_000 }), "done in 4.0 s"],
    [
      anAction({ state: "done", action: "unload", took_ms: 4_000 }),
      "done in 4.0 s, the host answered nobody else meanwhile",
    ],
    [anAction({ state: "skipped", reason: "it is not loaded" }), "skipped: it is not loaded"],
    [anAction({ state: "failed", reason: "no room" }), "failed: no room"],
  ])("%o stands as %s", (action, words) => {
    expect(actionStanding(action, NOW)).toBe(words)
  })
})

describe("a queue on a card", () => {
  const running = anAction({ state: "running", started_at: instantOf(NOW - 3_000) })
  it.each([
    [[], null],
    [[running], "load qwen3-8b for 3.0 s"],
    [[running, anAction(), anAction()], "load qwen3-8b for 3.0 s · 2 wait"],
    [
      [anAction({ state: "skipped", reason: "it is ready already" })],
      "load qwen3-8b skipped: it is ready already",
    ],
  ])("of %o says %s", (actions, words) => {
    expect(queueWords(aHost({ actions }), NOW)?.text ?? null).toBe(words)
  })
})

describe("the button of a model", () => {
  it.each([
    ["stopped", "warm"],
    ["error", "warm"],
    [null, "warm"],
    ["ready", "unload"],
    ["starting", "unload"],
    ["stopping", null],
  ] as const)("in state %s asks to %s", (state, action) => {
    expect(modelButton(aModel({ id: "m", state }))?.request.action ?? null).toBe(action)
  })

  it("is not there for a model of a peer, and says why a host cannot be asked", () => {
    expect(modelButton(aModel({ id: "m", peer: "other" }))).toBeNull()
    expect(whyNotNow(aHost({ liveness: "down" }))).toContain("down")
    expect(whyNotNow(aHost())).toBeNull()
  })
})
