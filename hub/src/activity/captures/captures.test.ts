import Fastify from "fastify"
import type { FastifyInstance } from "fastify"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { CommittedActivity } from "@boocontrol/shared/activity"
import type { CaptureArgs, EngineCapture } from "@boocontrol/shared/capture"
import { CaptureReply } from "@boocontrol/shared/capture"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../../deploy/test/services/postgres.ts"
import { manualClock } from "../../platform/clock-manual.ts"
import { installHttpRules } from "../../platform/http.ts"
import { silentLog } from "../../platform/log.ts"
import { migrate } from "../../platform/migrate.ts"
import { connectPostgres } from "../../platform/postgres.ts"
import type { Sql } from "../../platform/postgres.ts"
import { createActivity } from "../index.ts"
import type { Activity } from "../index.ts"
import type { CapturesPort } from "../ports.ts"
import { activityMessage, observed } from "../samples-for-tests.ts"

const clock = manualClock(Date.UTC(2026, 10, 22, 12))
const POLICY = { everywhere: "errors", bySource: { boochat: "all", quiet: "off" } } as const
let sql: Sql
let activity: Activity
let app: FastifyInstance
let asked: [host: string, args: CaptureArgs][] = []
let announced: CommittedActivity[] = []
let answer: CapturesPort["capture"]

const said = (text: string): EngineCapture => ({
  ...{ req_path: "/v1/chat/completions", resp_headers: {} },
  req_headers: { "content-type": "application/json", authorization: "Bearer sk-abc123def456" },
  req_body: { text, encoding: "text", bytes: text.length, cut: false },
  resp_body: null,
})

beforeAll(async () => {
  const { url } = await testDatabase("activity_captures")
  sql = connectPostgres(url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  activity = createActivity({
    ...{ sql, clock, log: silentLog, partitions: { ensure: () => Promise.resolve() } },
    nc: { publish: (_subject, payload) => announced.push(JSON.parse(String(payload)) as CommittedActivity) },
    capturing: {
      hosts: {
        capture(host, args) {
          asked.push([host, args])
          return answer(host, args)
        },
      },
      settings: { policy: POLICY, maxBytes: 32 * 1024, budgetBytes: 50 * 1024 * 1024 },
    },
  })
  app = Fastify()
  installHttpRules(app)
  await app.register(activity.routes, { prefix: "/api/control" })
})
afterAll(async () => {
  await activity.stop()
  await app.close()
  await sql.end()
})
beforeEach(async () => {
  await sql`truncate control_requests`
  asked = []
  announced = []
  answer = () => Promise.resolve({ ok: true, data: said("is it warm?") })
})

let entry = 0
async function store(given: Parameters<typeof observed>[0] | Record<string, unknown>): Promise<string> {
  const row = observed({ has_capture: true, ...given, swap_entry_id: ++entry })
  await activity.storeBatch([activityMessage([row])], { redelivered: false })
  const [found] = await sql<{ id: string }[]>`select id from control_requests where swap_entry_id = ${entry}`
  return found?.id ?? ""
}
const capture = async (method: "GET" | "POST", id: string) => {
  const reply = await app.inject({
    ...{ method, url: `/api/control/activity/${id}/capture` },
    ...(method === "POST" ? { payload: {} } : {}),
  })
  return { status: reply.statusCode, body: reply.json<Record<string, unknown>>() }
}
const storedIds = async () =>
  (await sql<{ id: string }[]>`select id from control_requests where capture is not null order by id`).map(
    ({ id }) => id,
  )
/** Until what the policy asked for is done, without a clock: the queue is empty when nothing is being asked. */
const settled = async (wanted: number) => {
  await expect.poll(storedIds, { timeout: 30_000, interval: 10 }).toHaveLength(wanted)
}

describe("a capture fetched by hand", () => {
  it("is stored without secrets, and comes from the table from then on", async () => {
    answer = () => Promise.resolve({ ok: true, data: said("key sk-abc123def456 and question") })
    const id = await store({})
    expect((await capture("GET", id)).body).toMatchObject({ code: "CAPTURE_NOT_STORED" })
    announced = []
    const fetched = await capture("POST", id)
    expect(fetched.status).toBe(200)
    const reply = CaptureReply.parse(fetched.body)
    expect(reply.capture).toMatchObject({ by: "hand", redacted: 2, fetched_at: instantOf(clock.now()) })
    expect(reply.capture.req_headers["authorization"]).toBe("[REDACTED]")
    expect(reply.capture.req_body?.text).toBe("key [REDACTED] and question")
    expect(announced).toMatchObject([{ rows: [{ id }] }])
    const again = await capture("POST", id)
    expect(again.body).toEqual(fetched.body)
    expect((await capture("GET", id)).body).toEqual(fetched.body)
    expect(asked).toHaveLength(1)
    const [raw] = await sql<
      { text: string }[]
    >`select capture::text as text from control_requests where id = ${id}`
    expect(raw?.text).not.toContain("sk-abc")
  })

  it("is trimmed before it is stored", async () => {
    answer = () => Promise.resolve({ ok: true, data: said("x".repeat(200_000)) })
    const id = await store({})
    const { capture: kept } = CaptureReply.parse((await capture("POST", id)).body)
    expect(kept.req_body).toMatchObject({ cut: true, bytes: 200_000 })
    expect(JSON.stringify(kept).length).toBeLessThanOrEqual(33 * 1024)
  })

  it.each([
    [
      "evicted by its engine says how to keep more",
      { ok: false, refusal: { code: "CAPTURE_GONE", message: "" } },
      410,
      "CAPTURE_GONE",
      "captureBuffer",
    ],
    [
      "of a host that does not answer says so",
      { ok: false, refusal: { code: "COMMAND_UNANSWERED", message: "The sidecar of gpu-1 does not answer" } },
      502,
      "CAPTURE_NOT_FETCHED",
      "does not answer",
    ],
    [
      "that makes no sense is refused",
      { ok: true, data: { req_path: 7 } },
      502,
      "CAPTURE_NOT_FETCHED",
      "no sense",
    ],
  ] as const)("%s", async (_, outcome, status, code, words) => {
    const id = await store({})
    answer = () => Promise.resolve(outcome)
    const reply = await capture("POST", id)
    expect(reply.status).toBe(status)
    expect(reply.body["code"]).toBe(code)
    expect(reply.body["error"]).toContain(words)
    expect(await storedIds()).toEqual([])
  })

  it("of a request without one is refused without asking anybody", async () => {
    const id = await store({ has_capture: false })
    for (const method of ["GET", "POST"] as const)
      expect((await capture(method, id)).body).toMatchObject({ code: "CAPTURE_NEVER_MADE" })
    expect(asked).toEqual([])
  })

  it("of no request says that there is none", async () => {
    const none = await capture("GET", "0193a000-0000-7000-8000-000000000001")
    expect([none.status, none.body["code"]]).toEqual([404, "REQUEST_NOT_FOUND"])
    expect((await capture("GET", "nonsense")).status).toBe(400)
  })

  it("that was evicted here says when, and can be fetched again", async () => {
    const id = await store({})
    await capture("POST", id)
    await sql`update control_requests set capture = null, capture_evicted_at = ${"2026-11-22T11:00:00.000Z"} where id = ${id}`
    const gone = await capture("GET", id)
    expect([gone.status, gone.body["code"]]).toEqual([410, "CAPTURE_EVICTED"])
    expect(gone.body["error"]).toContain("2026-11-22T11:00:00.000Z")
    expect(gone.body["error"]).toContain("CAPTURE_BUDGET_MB")
    expect((await capture("POST", id)).status).toBe(200)
    expect((await capture("GET", id)).status).toBe(200)
  })
})

describe("what the policy wants", () => {
  it("is fetched as soon as its row is stored: errors, and what its source says", async () => {
    const failed = await store({ status_code: 500, error: "no room" })
    await store({ source: "arena" })
    await store({ source: "quiet", status_code: 500 })
    const chat = await store({ source: "boochat" })
    await settled(2)
    expect(await storedIds()).toEqual([failed, chat].sort())
    expect(asked).toHaveLength(2)
    expect(asked[0]).toMatchObject(["gpu-1", { swap_entry_id: entry - 3 }])
    expect((await capture("GET", failed)).body).toMatchObject({ capture: { by: "policy" } })
  })

  it("that cannot be fetched holds up nothing", async () => {
    answer = () => Promise.reject(new Error("gone"))
    await store({ source: "boochat" })
    answer = () => Promise.resolve({ ok: true, data: said("hello") })
    await store({ source: "boochat" })
    await settled(1)
  })
})
