import { randomUUID } from "node:crypto"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { ModelActionDone } from "@boocontrol/shared/commands"
import type { ResultData } from "@boocontrol/shared/envelope"
import { HostId, InstanceId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { startSimulatedHost } from "../../../deploy/demo/src/index.ts"
import { createCommands } from "../commands/index.ts"
import { startRig } from "../llama-swap/test/rig.ts"
import { systemClock } from "../platform/clock.ts"
import { registerActions } from "./index.ts"

const host = HostId.parse("rack")
const instance = InstanceId.parse(randomUUID())
const model = { load_s: 0.05, stop_s: 0.02, vram_mib: [100] }

async function world() {
  const simulated = await startSimulatedHost({
    host_id: host,
    models: [
      { id: "talks", decode_tps: 20, ...model },
      { id: "bge-m3", kind: "embedding", ...model },
      { id: "orders", kind: "rerank", ...model },
      { id: "plain-name", kind: "embedding", ...model },
    ],
    profiles: [{ id: "night", pins: { talks: "bge-m3" } }],
  })
  const rig = startRig(simulated.url)
  onTestFinished(async () => {
    await rig.stop()
    await simulated.stop()
  })
  await rig.until("connected", () => rig.connector.status().liveness === "connected")
  const clock = systemClock()
  const results: ResultData[] = []
  const shelf = { load: () => null, save: () => {} }
  const commands = createCommands({ host, instance, clock, shelf, result: (data) => void results.push(data) })
  registerActions(commands, {
    ...{ host, clock, engine: rig.connector, version: "1.2.3" },
    models: () => rig.told.models.at(-1)?.models ?? [],
    inflight: () => rig.told.inflight.at(-1)?.requests ?? null,
  })
  const does = async (verb: string, args: unknown): Promise<ResultData> => {
    const id = randomUUID()
    const deadline = instantOf(clock.now() + 5_000)
    void commands.handle(verb, JSON.stringify({ v: 1, id, instance, deadline, args }))
    return await vi.waitFor(() => {
      const result = results.find((known) => known.id === id)
      if (!result) throw new Error(`no outcome of ${verb}`)
      return result
    }, 10_000)
  }
  return { rig, simulated, does }
}

describe("actions on an engine", () => {
  it.each(["talks", "bge-m3", "orders", "plain-name"])("load %s, and end when it is ready", async (id) => {
    const { rig, does } = await world()
    const result = await does("warm", { model: id })
    expect(ModelActionDone.parse(result.data).state).toBe("ready")
    await rig.until("ready", () => rig.stateOf(id) === "ready")
    await rig.until("its row", () => rig.rows().some((row) => row.source === "control-warm"))
  })

  it("unload one or all, and say how long the engine was held up", async () => {
    const { rig, does } = await world()
    await does("warm", { model: "talks" })
    const { data } = await does("unload", { model: "talks" })
    expect(ModelActionDone.parse(data)).toMatchObject({ state: "stopped" })
    expect(ModelActionDone.parse(data).took_ms).toBeGreaterThanOrEqual(15)
    await rig.until("stopped", () => rig.stateOf("talks") === "stopped")
    expect(await does("unload_all", {})).toMatchObject({ ok: true })
  })

  it("say in the engine's words what it does not do", async () => {
    const { does } = await world()
    const result = await does("unload", { model: "nowhere" })
    expect(result).toMatchObject({ ok: false })
    expect(result.error?.message).toContain("model not found")
  })

  it("switch a profile, and name those there are where it is none of them", async () => {
    const { does } = await world()
    expect(await does("profile", { profile: "night" })).toMatchObject({ ok: true })
    expect(await does("profile", { profile: null })).toMatchObject({ ok: true })
    const { error } = await does("profile", { profile: "day" })
    expect(error).toMatchObject({ code: "PROFILE_NOT_FOUND" })
    expect(error?.message).toContain("night")
  })

  it("cancel the request that is meant, and never another under its id", async () => {
    const { rig, simulated, does } = await world()
    const ended = fetch(`${simulated.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "talks", messages: [], max_tokens: 4_000, stream: true }),
    }).then((reply) => reply.text())
    const running = () => rig.told.inflight.at(-1)?.requests?.[0]
    await rig.until("in flight", () => running() !== undefined)
    const { id: inflight_id, started_at } = running() ?? {}
    const earlier = instantOf(Date.parse(started_at ?? "") - 1)
    const other = await does("cancel", { inflight_id, started_at: earlier })
    expect(other.error?.code).toBe("REQUEST_NOT_IN_FLIGHT")
    expect(running()?.id).toBe(inflight_id)
    expect(await does("cancel", { inflight_id, started_at })).toMatchObject({ ok: true })
    await ended
    await rig.until("over", () => running() === undefined)
  })

  it("answer who is there without touching a model", async () => {
    const { rig, does } = await world()
    const { data } = await does("probe", {})
    expect(data).toMatchObject({ sidecar_version: "1.2.3", engine: { liveness: "connected" } })
    expect(rig.told.models.at(-1)?.models.every(({ state }) => state === "stopped")).toBe(true)
  })
})
