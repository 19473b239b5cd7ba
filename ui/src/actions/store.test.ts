import { describe, expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { useToasts } from "../platform/toasts.ts"
import { testApp } from "../test/app.ts"
import { aHost, anAction } from "../test/examples.ts"
import { useActions } from "./store.ts"

const WARM = { action: "warm", model: "qwen3-8b" } as const
const ID = anAction().action_id

function rig() {
  const world = testApp()
  const actions = world.run(() => useActions())
  const host = aHost()
  const frame = (given: Parameters<typeof anAction>[0]) => actions.seen(aHost({ actions: [anAction(given)] }))
  return { ...world, actions, host, id: host.provider_id, frame, toasts: world.run(() => useToasts()) }
}

function refusal(code: string, details: Record<string, unknown>): ApiError {
  const body = { error: "no", code, origin: "hub" as const, details }
  return new ApiError("no", { code, status: 409, body })
}

describe("what is asked of a host", () => {
  it("is only asked until a frame shows it", async () => {
    const { actions, api, id, frame } = rig()
    api.answers.push({ action_id: ID, position: 1 })
    const asking = actions.ask(id, WARM)
    expect(actions.isAsked(id, WARM)).toBe(true)
    await asking
    expect(actions.isAsked(id, WARM)).toBe(true)
    frame({ action_id: "00000000-0000-4000-8000-0000000000c2" })
    expect(actions.isAsked(id, WARM)).toBe(true)
    frame({ state: "running" })
    expect(actions.isAsked(id, WARM)).toBe(false)
    expect(api.asked).toEqual([{ path: `hosts/${id}/actions`, query: {}, body: WARM }])
  })

  it("is asked once, however often the button is pressed", async () => {
    const { actions, api, id } = rig()
    api.answers.push({ action_id: ID, position: 1 })
    await Promise.all([actions.ask(id, WARM), actions.ask(id, WARM)])
    expect(api.asked).toHaveLength(1)
  })

  it("and not shown within the stated time is said to be so, and can be asked again", async () => {
    const { actions, api, id, clock, toasts } = rig()
    api.answers.push({ action_id: ID, position: 1 })
    await actions.ask(id, WARM)
    clock.runWaiting()
    expect(actions.isAsked(id, WARM)).toBe(false)
    expect(toasts.list[0]?.text).toContain("10 s")
  })

  it("and skipped or failed is told with its reason; what is done is seen anyway", async () => {
    const { actions, api, id, frame, toasts } = rig()
    for (const state of ["done", "skipped"] as const) {
      api.answers.push({ action_id: ID, position: 1 })
      await actions.ask(id, WARM)
      frame({ state: "running" })
      frame({ state, reason: "it is ready already", ended_at: anAction().created_at })
    }
    expect(toasts.list.map(({ text }) => text)).toEqual(["box: skipped: it is ready already"])
  })

  it("while somebody holds the host leads to the question whether to take it over, and then is asked with that", async () => {
    const { actions, api, id } = rig()
    const details = { holder: "nightly", purpose: "bench", expires_at: "2026-11-22T12:01:00.000Z" }
    api.answers.push(refusal("BENCH_IN_PROGRESS", details), { action_id: ID, position: 1 })
    await actions.ask(id, WARM)
    expect(actions.takeover).toMatchObject({ host: id, request: WARM, ...details })
    await actions.confirmTakeover()
    expect(api.asked.map(({ path }) => path)).toEqual([
      `hosts/${id}/actions`,
      `hosts/${id}/actions?confirm=true`,
    ])
    expect(actions.takeover).toBeNull()
  })

  it("of a host whose queue is full shows what waits there", async () => {
    const { actions, api, id, toasts } = rig()
    api.answers.push(refusal("QUEUE_FULL", { queue: [anAction(), "nonsense"] }))
    await actions.ask(id, WARM)
    expect(actions.full?.queue.map(({ model }) => model)).toEqual(["qwen3-8b"])
    expect(toasts.list).toEqual([])
  })
})
