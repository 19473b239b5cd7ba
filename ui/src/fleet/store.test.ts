import { FleetFrame } from "@boocontrol/shared/frames"
import { describe, expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { useToasts } from "../platform/toasts.ts"
import { testApp } from "../test/app.ts"
import { aHost, aModel, deltaOf, snapshotOf } from "../test/examples.ts"
import { useFleet } from "./store.ts"

function rig() {
  const world = testApp()
  const model = aModel({ id: "qwen3-8b" })
  const host = aHost({ models: [model] })
  const fleet = world.run(() => useFleet())
  fleet.apply(FleetFrame.parse(snapshotOf([host])))
  return { ...world, fleet, host, model, toasts: world.run(() => useToasts()) }
}

describe("the fleet store", () => {
  it("keeps what it knew when the connection is lost, and takes the next snapshot whole", () => {
    const { fleet, host } = rig()
    fleet.lost()
    expect(fleet.host(host.provider_id)?.display_name).toBe("box")
    fleet.apply(FleetFrame.parse(snapshotOf([aHost({ provider_id: "other", display_name: "other" })])))
    expect(fleet.hostIds).toEqual(["other"])
  })

  it("does not make a new list of hosts for a change within one", () => {
    const { fleet, host } = rig()
    const before = fleet.hostIds
    fleet.apply(FleetFrame.parse(deltaOf(host, 11, { liveness: "down" })))
    expect(fleet.host(host.provider_id)?.liveness).toBe("down")
    expect(fleet.hostIds).toBe(before)
  })

  it("shows a star only when the hub says so, and that it waits until then", async () => {
    const { fleet, host, model, api } = rig()
    const asking = fleet.askPref(host.provider_id, model, "favorite")
    expect(fleet.askedPref(host.provider_id, "qwen3-8b", "favorite")).toBe(true)
    await asking
    expect(api.asked).toEqual([
      { path: "models/prefs", query: {}, body: { provider_id: "box", model: "qwen3-8b", favorite: true } },
    ])
    expect(fleet.host(host.provider_id)?.models[0]?.favorite).toBe(false)
    fleet.apply(FleetFrame.parse(deltaOf(host, 11, { models: [{ ...model, favorite: true }] })))
    expect(fleet.host(host.provider_id)?.models[0]?.favorite).toBe(true)
    expect(fleet.askedPref(host.provider_id, "qwen3-8b", "favorite")).toBeNull()
  })

  it("goes on waiting when the host changes in another way", async () => {
    const { fleet, host, model } = rig()
    await fleet.askPref(host.provider_id, model, "favorite")
    fleet.apply(FleetFrame.parse(deltaOf(host, 11, { liveness: "down" })))
    expect(fleet.askedPref(host.provider_id, "qwen3-8b", "favorite")).toBe(true)
  })

  it("asks once while it waits", async () => {
    const { fleet, host, model, api } = rig()
    await Promise.all([
      fleet.askPref(host.provider_id, model, "hidden"),
      fleet.askPref(host.provider_id, model, "hidden"),
    ])
    expect(api.asked).toHaveLength(1)
  })

  it("says what the hub said when it was refused, and stops waiting", async () => {
    const { fleet, host, model, api, toasts } = rig()
    api.failPut = new ApiError("Postgres does not answer", { code: "DATABASE_DOWN", status: 503 })
    await fleet.askPref(host.provider_id, model, "hidden")
    expect(fleet.askedPref(host.provider_id, "qwen3-8b", "hidden")).toBeNull()
    expect(toasts.list.map(({ text }) => text)).toEqual(["Postgres does not answer"])
  })

  it("says so when no frame confirms it in time", async () => {
    const { fleet, host, model, clock, toasts } = rig()
    await fleet.askPref(host.provider_id, model, "favorite")
    clock.runWaiting()
    expect(fleet.askedPref(host.provider_id, "qwen3-8b", "favorite")).toBeNull()
    expect(toasts.list[0]?.text).toContain("not confirmed")
  })

  it("knows a model whose id holds a space", async () => {
    const { fleet, host } = rig()
    const odd = aModel({ id: "my model v2" })
    fleet.apply(FleetFrame.parse(deltaOf(host, 11, { models: [odd] })))
    await fleet.askPref(host.provider_id, odd, "favorite")
    fleet.apply(FleetFrame.parse(deltaOf(host, 12, { models: [{ ...odd, favorite: true }] })))
    expect(fleet.askedPref(host.provider_id, "my model v2", "favorite")).toBeNull()
  })
})
