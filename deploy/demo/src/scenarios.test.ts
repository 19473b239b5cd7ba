import { readdirSync } from "node:fs"
import { afterEach, describe, expect, it } from "vitest"
import { createVirtualClock } from "./clock.ts"
import { fleetOf, scenarioFile } from "./fleet.ts"
import { gpuKind } from "./gpu/kinds.ts"
import { type SimulatedHost, startSimulatedHost } from "./host.ts"
import { FleetScenario, HostScenario, readFleetScenario } from "./scenario.ts"

const running: SimulatedHost[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((host) => host.stop()))
})

const files = readdirSync(new URL("../scenarios/", import.meta.url)).filter((name) => name.endsWith(".yaml"))

describe("shipped scenarios", () => {
  it.each(files)("%s parses, its models fit their cards, its clients ask for models it has", (file) => {
    const fleet = readFleetScenario(scenarioFile(file.replace(/\.yaml$/, "")))
    for (const host of fleet.hosts) {
      for (const model of host.models) {
        model.vram_mib.forEach((mib, index) => {
          const name = host.gpus[index]
          expect(name && gpuKind(name).memoryMib, `${host.host_id} ${model.id} GPU ${index}`).toBeGreaterThan(
            mib,
          )
        })
      }
      const names = new Set(host.models.flatMap((model) => [model.id, ...model.aliases]))
      for (const client of host.traffic) expect(names).toContain(client.model)
    }
  })

  it("name what is wrong in a scenario", () => {
    const host = { host_id: "x", models: [{ id: "m" }], ready: ["n"] }
    expect(() => HostScenario.parse(host)).toThrow("ready names an unknown model: n")
    expect(() =>
      FleetScenario.parse({ name: "f", hosts: [{ ...host, ready: [], gpus: ["gtx-9"] }] }),
    ).toThrow("gpus")
  })
})

describe("invented hosts", () => {
  it("are different from one another and the same each time", () => {
    const fleet = fleetOf(60)
    expect(new Set(fleet.map((host) => host.host_id)).size).toBe(60)
    expect(fleetOf(60)).toEqual(fleet)
    for (const host of fleet) expect(HostScenario.safeParse(host).success).toBe(true)
  })

  it("begin with the default fleet", () => {
    expect(
      fleetOf(5)
        .map((host) => host.host_id)
        .slice(0, 4),
    ).toEqual(["sam-desktop", "embedding", "rack-01", "garage-p40"])
    expect(fleetOf(2).length).toBe(2)
  })
})

describe("the default fleet", () => {
  async function startFleet() {
    const clock = createVirtualClock()
    for (const scenario of fleetOf(4)) running.push(await startSimulatedHost(scenario, { clock }))
    return clock
  }
  const rows = () => running.flatMap((host) => [...host.control.rows()])

  it("shows something within three seconds", async () => {
    const clock = await startFleet()
    await clock.advance(3000)
    expect(rows().length).toBeGreaterThan(0)
    expect(running.reduce((sum, host) => sum + host.control.inflight(), 0)).toBeGreaterThan(1)
  })

  it("makes 40 to 60 requests a minute, with swaps, unloads, aborts and errors among them", async () => {
    const clock = await startFleet()
    const states = new Map<string, Set<string>>()
    const minutes = 8
    for (let second = 0; second < minutes * 60; second++) {
      await clock.advance(1000)
      for (const host of running) {
        for (const [model, state] of Object.entries(host.control.states())) {
          states.set(
            `${host.hostId}/${model}`,
            (states.get(`${host.hostId}/${model}`) ?? new Set()).add(state),
          )
        }
      }
    }
    const perMinute = rows().length / minutes
    expect(perMinute).toBeGreaterThan(40)
    expect(perMinute).toBeLessThan(60)
    const changing = ["sam-desktop/glm-4.6-air", "rack-01/qwen2.5-vl-32b", "embedding/qwen3-4b"]
    expect(changing.map((model) => [...(states.get(model) ?? [])].toSorted().join(" "))).toEqual(
      changing.map(() => "ready starting stopped stopping"),
    )
    const failed = rows().filter((row) => row.resp_status_code !== 200)
    const aborted = rows().filter(
      (row) =>
        row.resp_status_code === 200 && row.tokens.output_tokens === 0 && row.tokens.input_tokens === 0,
    )
    expect(failed.length).toBeGreaterThan(0)
    expect(aborted.length).toBeGreaterThan(2)
    expect(failed.length / rows().length).toBeLessThan(0.1)
  }, 30_000)
})
