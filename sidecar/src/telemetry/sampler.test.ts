import { describe, expect, it } from "vitest"
import type { GpuSample, PerfSample, SysSample } from "@boocontrol/shared/telemetry"
import { epochMsOf } from "@boocontrol/shared/time"
import { withoutReadings } from "./gpu/line.ts"
import { createSampler } from "./sampler.ts"

const GPU = withoutReadings({ index: 0, uuid: null, name: null, mem_total_mib: null }, "awake")
const SYS: SysSample = {
  cpu_pct: 1,
  load_1: null,
  mem_used_mib: null,
  mem_total_mib: null,
  swap_used_mib: null,
  swap_total_mib: null,
  disk_used_mib: null,
  disk_total_mib: null,
  net_rx_bytes_per_s: null,
  net_tx_bytes_per_s: null,
}

function world(given: { streaming?: boolean; asleep?: GpuSample[]; system?: boolean } = {}) {
  const samples: PerfSample[] = []
  const batches: number[] = []
  const holes: [number, number][] = []
  const state = { streaming: given.streaming ?? false }
  const sampler = createSampler({
    system: () => (given.system === false ? null : SYS),
    asleep: () => given.asleep ?? null,
    streaming: () => state.streaming,
    onHole: ({ fromMs, toMs }) => void holes.push([fromMs, toMs]),
    onSample: (sample) => void samples.push(sample),
    onBatch: (batch) => void batches.push(batch.length),
  })
  const tick = (atMs: number) => sampler.tick({ atMs, gpus: [GPU], lost: [], returned: [] })
  const told = () => samples.map(({ ts, gpu, source }) => [epochMsOf(ts), gpu?.[0]?.state ?? null, source])
  return { sampler, samples, batches, holes, state, tick, told }
}

describe("samples", () => {
  it("are taken at each tick, with the time of the tick", () => {
    const { sampler, tick, told, samples } = world({ streaming: true })
    tick(1_250)
    sampler.second(2_000)
    tick(2_251)
    expect(told()).toEqual([
      [1_250, "awake", "nvidia-smi"],
      [2_251, "awake", "nvidia-smi"],
    ])
    expect(samples.every(({ sys }) => sys === SYS)).toBe(true)
  })

  it("go on without GPU readings when ticks stay away", () => {
    const { sampler, tick, told } = world({ streaming: true })
    tick(1_000)
    for (const second of [2_000, 3_000, 4_000]) sampler.second(second)
    expect(told()).toEqual([
      [1_000, "awake", "nvidia-smi"],
      [3_000, null, "os"],
    ])
  })

  it("tell of the time in which nobody looked, once, but not of a busy moment", () => {
    const { sampler, holes } = world()
    for (const second of [1_000, 2_000, 8_900, 9_000, 39_000, 40_000]) sampler.second(second)
    expect(holes).toEqual([[9_000, 39_000]])
  })

  it("never share a time, so that none is taken for the other sent twice", () => {
    const { sampler, tick, told } = world()
    sampler.second(1_000)
    sampler.second(2_000)
    tick(1_000)
    expect(told()).toEqual([
      [1_000, null, "os"],
      [2_000, null, "os"],
      [1_001, "awake", "nvidia-smi"],
    ])
  })

  it("are taken every second where there is no stream", () => {
    const { sampler, told } = world()
    sampler.second(1_000)
    sampler.second(2_000)
    expect(told()).toEqual([
      [1_000, null, "os"],
      [2_000, null, "os"],
    ])
  })

  it("show sleeping cards as asleep", () => {
    const { sampler, told } = world({ asleep: [withoutReadings(GPU, "asleep")] })
    sampler.second(1_000)
    expect(told()).toEqual([[1_000, "asleep", "os"]])
  })

  it("are not made of nothing", () => {
    const { sampler, samples } = world({ system: false })
    sampler.second(1_000)
    expect(samples).toEqual([])
  })

  it("do not stop when the clock is set back", () => {
    const { sampler, tick, samples } = world({ streaming: true })
    tick(100_000)
    sampler.second(1_000)
    expect(samples).toHaveLength(2)
  })

  it("leave in batches of five, and the rest at the end", () => {
    const { sampler, batches } = world()
    for (let second = 1; second <= 12; second += 1) sampler.second(second * 1_000)
    expect(batches).toEqual([5, 5])
    sampler.flush()
    sampler.flush()
    expect(batches).toEqual([5, 5, 2])
  })
})
