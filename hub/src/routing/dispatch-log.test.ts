import { expect, it } from "vitest"
import { manualClock } from "../platform/clock-manual.ts"
import { silentLog } from "../platform/log.ts"
import type { DispatchEnd } from "./dispatch-log.ts"
import { createDispatchLog } from "./dispatch-log.ts"

const end = (requestId: string, model = "m"): DispatchEnd => ({
  ask: { model, source: "test", key: null, endpoint: "chat/completions" } as DispatchEnd["ask"],
  given: { requestId } as DispatchEnd["given"],
  decision: {
    ...{ resolution: { as: "bare", policy: null, places: [], problem: null }, policy: null, problem: null },
    ...{ rule: { name: null, order: "fast", task: "general" }, ranked: [], refused: [] },
  } as unknown as DispatchEnd["decision"],
  ...{ ranked: null, attempt: 1, atMs: 0, waitMs: null, isSwap: false, outcome: "refused", reason: null },
  ...{ ttftMs: null, durationMs: null, usage: null, isSent: false, status: null },
})

it("stores all others where Postgres will never take one, and says that it is lost", async () => {
  const stored: string[] = []
  const published: string[] = []
  const log = createDispatchLog({
    ...{ clock: manualClock(), log: silentLog, headers: () => new Set<string>() },
    nc: { publish: (_subject: string, row: unknown) => void published.push(String(row)) },
    store: {
      insert(rows) {
        if (rows.some((row) => row.includes("poison")))
          return Promise.reject(Object.assign(new Error("invalid"), { code: "22P02" }))
        stored.push(...rows)
        return Promise.resolve()
      },
    },
  })
  const ids = Array.from({ length: 40 }, (_, n) => (n === 13 ? "poison" : `r${n}`))
  for (const id of ids) log.add(end(id))
  await log.stop()
  const idOf = (row: string) => (JSON.parse(row) as { request_id: string }).request_id
  expect(stored.map(idOf)).toEqual(ids.filter((id) => id !== "poison"))
  expect(published).toEqual(stored)
  expect(log.lost()).toBe(1)
})

it("keeps what waits while Postgres is away", async () => {
  const stored: string[] = []
  let isAway = true
  const clock = manualClock()
  const log = createDispatchLog({
    ...{ clock, log: silentLog, nc: { publish: () => undefined } },
    headers: () => new Set<string>(),
    store: {
      insert: (rows) =>
        isAway
          ? Promise.reject(Object.assign(new Error("gone"), { code: "ECONNREFUSED" }))
          : Promise.resolve(void stored.push(...rows)),
    },
  })
  log.start()
  log.add(end("r1"))
  clock.advance(250)
  await Promise.resolve()
  isAway = false
  log.add(end("r2"))
  await log.stop()
  expect([stored.length, log.lost()]).toEqual([2, 0])
})

it("writes characters that Postgres refuses as the mark of what cannot be shown", async () => {
  const stored: string[] = []
  const log = createDispatchLog({
    ...{ clock: manualClock(), log: silentLog, nc: { publish: () => undefined } },
    headers: () => new Set<string>(),
    store: {
      insert: (rows) => Promise.resolve(void stored.push(...rows)),
    },
  })
  log.add(end("r1", "a\0b\ud83d"))
  await log.stop()
  expect(stored.map((row) => (JSON.parse(row) as { asked_model: string }).asked_model)).toEqual([
    "a\uFFFDb\uFFFD",
  ])
})

it("keeps of the headers only what policies look at, and never what may be a secret", async () => {
  const stored: string[] = []
  const log = createDispatchLog({
    ...{ clock: manualClock(), log: silentLog, nc: { publish: () => undefined } },
    headers: () => new Set(["x-team", "x-absent", "constructor", "authorization", "x-note"]),
    store: { insert: (rows) => Promise.resolve(void stored.push(...rows)) },
  })
  const { ask, ...rest } = end("r1")
  const headers = {
    "x-team": "r".repeat(300),
    "x-other": "1",
    authorization: "Bearer abc",
    "x-note": "sk-123456789",
  }
  log.add({ ...rest, ask: { ...ask, headers } })
  await log.stop()
  expect(stored.map((row) => (JSON.parse(row) as { headers: unknown }).headers)).toEqual([
    { "x-team": "r".repeat(200), "x-absent": null, constructor: null },
  ])
})

it("takes for a number of tokens only what can be one", async () => {
  const stored: string[] = []
  const log = createDispatchLog({
    ...{ clock: manualClock(), log: silentLog, nc: { publish: () => undefined } },
    headers: () => new Set<string>(),
    store: { insert: (rows) => Promise.resolve(void stored.push(...rows)) },
  })
  for (const tokens of [12, 1.5, 1e300, -1])
    log.add({ ...end("r1"), usage: { promptTokens: 3, cacheTokens: 0, outputTokens: tokens } })
  await log.stop()
  const counts = stored.map((row) => JSON.parse(row) as Record<string, unknown>)
  expect(counts.map((row) => [row["prompt_tokens"], row["output_tokens"]])).toEqual([
    [3, 12],
    [3, null],
    [3, null],
    [3, null],
  ])
})

it("lists what was decided in one millisecond as it was decided", async () => {
  const stored: string[] = []
  const log = createDispatchLog({
    ...{ clock: manualClock(), log: silentLog, nc: { publish: () => undefined } },
    headers: () => new Set<string>(),
    store: { insert: (rows) => Promise.resolve(void stored.push(...rows)) },
  })
  const asked = Array.from({ length: 20 }, (_, n) => `r${n}`)
  for (const id of asked) log.add(end(id))
  await log.stop()
  const rows = stored.map((row) => JSON.parse(row) as { id: string; request_id: string })
  const byId = rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  expect(byId.map(({ request_id: id }) => id)).toEqual(asked)
})
