import type { EngineStatus } from "@boocontrol/shared/hosts"
import type { NoteData } from "@boocontrol/shared/notes"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { manualClock } from "../platform/clock-manual.ts"
import { EngineProblem, errorTextOf, problemOf, shownUrl } from "./problems.ts"
import { createRejects } from "./rejects.ts"
import { createStatusBoard } from "./status.ts"

function board() {
  const clock = manualClock()
  const statuses: EngineStatus[] = []
  const notes: NoteData[] = []
  const made = createStatusBoard(
    { status: (one) => statuses.push(one), note: (one) => notes.push(one) },
    clock,
  )
  return { clock, statuses, notes, made }
}
const refused = () => problemOf(Object.assign(new Error("x"), { code: "ECONNREFUSED" }), "http://a")

describe("what is told of the engine itself", () => {
  it("keeps the beginning of a problem that goes on, and forgets it when connected", async () => {
    const { clock, statuses, made } = board()
    const start = clock.now()
    made.link({ liveness: "reconnecting", problem: refused() })
    await clock.advance(5_000)
    made.link({ liveness: "down", problem: refused() })
    expect(statuses.map(({ problem }) => problem?.since)).toEqual([instantOf(start), instantOf(start)])
    made.link({ liveness: "connected", problem: null })
    expect(made.current().problem).toBe(null)
  })

  it("says nothing while nothing changes, though it is seen all the time", async () => {
    const { clock, statuses, made } = board()
    made.link({ liveness: "connected", problem: null })
    for (let count = 0; count < 5; count++) {
      await clock.advance(1_000)
      made.heard()
      made.link({ liveness: "connected", problem: null })
    }
    expect(statuses.length).toBe(1)
    expect(made.current().last_seen_at).toBe(instantOf(clock.now()))
  })

  it("notes when it comes and when it is given up, not each attempt between", () => {
    const { notes, made } = board()
    for (const liveness of [
      "reconnecting",
      "connected",
      "reconnecting",
      "reconnecting",
      "down",
      "down",
      "connected",
    ] as const)
      made.link({ liveness, problem: liveness === "connected" ? null : refused() })
    expect(notes.map(({ note }) => note)).toEqual(["engine_connected", "engine_down", "engine_connected"])
  })
})

describe("why an engine cannot be asked", () => {
  it.each([
    [Object.assign(new Error("x"), { code: "ECONNREFUSED" }), "ENGINE_UNREACHABLE", /nothing listens there/],
    [Object.assign(new Error("x"), { code: "ENOTFOUND" }), "ENGINE_UNREACHABLE", /not known/],
    [Object.assign(new Error("x"), { name: "AbortError" }), "ENGINE_TIMEOUT", /in time/],
    [new EngineProblem("ENGINE_FAILING", "own words"), "ENGINE_FAILING", /own words/],
    ["not even an error", "ENGINE_UNREACHABLE", /failed/],
  ])("is told by code: %s", (error, code, message) => {
    const problem = problemOf(error, "http://box:8080")
    expect(problem.code).toBe(code)
    expect(problem.message).toMatch(message)
  })

  it("never shows what may be secret in an address", () => {
    expect(shownUrl("http://me:secret@box:8080/swap?key=1")).toBe("http://box:8080/swap")
  })

  it.each([
    ['{"src":"llama-swap","error":"model not found"}', "model not found"],
    ['{"error":{"message":"model not found","type":"x"}}', "model not found"],
    ["404 page not found\n", "404 page not found"],
    ["<html>", "HTTP 404"],
    ["", "HTTP 404"],
  ])("reads the engine's own words from %s", (body, expected) => {
    expect(errorTextOf({ status: 404, body })).toBe(expected)
  })
})

it("tells of rejected input once per kind and minute, with how much there was", async () => {
  const clock = manualClock()
  const notes: NoteData[] = []
  const rejects = createRejects(clock, (note) => notes.push(note))
  for (let count = 0; count < 10; count++) rejects.add("shape", "bad")
  rejects.add("not_json", "worse")
  await clock.advance(60_000)
  rejects.add("shape", "bad")
  expect(notes.map(({ detail }) => [detail["kind"], detail["count"], detail["total"]])).toEqual([
    ["shape", 1, 1],
    ["not_json", 1, 1],
    ["shape", 10, 11],
  ])
  expect(rejects.count()).toBe(12)
})
