import { readFileSync } from "node:fs"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { hardwareOf } from "./hardware.ts"
import { samplesOf } from "./performance.ts"
import { HardwareReply, Performance } from "./shapes.ts"

const T0 = Date.UTC(2026, 7, 22, 16, 29, 57)
const at = (ms: number) => new Date(T0 + ms).toISOString()
const gpu = (id: number, ms: number, changes: Record<string, unknown> = {}) => ({
  timestamp: at(ms),
  id,
  name: "RTX",
  uuid: `GPU-${id}`,
  temp_c: 50,
  vram_temp_c: 0,
  gpu_util_pct: 0,
  mem_util_pct: 10,
  mem_used_mb: 100,
  mem_total_mb: 1000,
  fan_speed_pct: 0,
  power_draw_w: 20,
  ...changes,
})
const sys = (ms: number, changes: Record<string, unknown> = {}) => ({
  timestamp: at(ms),
  cpu_util_per_core: [10, 30],
  mem_total_mb: 24_000,
  mem_used_mb: 500,
  swap_total_mb: 0,
  swap_used_mb: 0,
  load_avg_1: 0.5,
  net_io: null,
  ...changes,
})
const read = (gpu_stats: unknown, sys_stats: unknown = null) =>
  samplesOf(Performance.parse({ enabled: true, gpu_stats, sys_stats }))
const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`./fixtures/${name}`, import.meta.url), "utf8"))

describe("the engine's own samples", () => {
  it("are none where its lists are null", () => {
    expect(read(null, null)).toEqual([])
  })

  it("gather lines of one tick, and the system line that lies beside them", () => {
    const samples = read([gpu(1, 40), gpu(0, 0), gpu(0, 5_000), gpu(1, 5_030)], [sys(20), sys(5_010)])
    expect(
      samples.map(({ ts, gpu: cards, sys: system }) => [
        ts,
        cards?.map(({ index }) => index),
        system?.cpu_pct,
      ]),
    ).toEqual([
      [instantOf(T0), [0, 1], 20],
      [instantOf(T0 + 5_000), [0, 1], 20],
    ])
  })

  it("keep what is there when a card's line was dropped", () => {
    const samples = read([gpu(0, 0), gpu(1, 30), gpu(1, 5_030), gpu(0, 10_000), gpu(1, 10_030)])
    expect(samples.map(({ gpu: cards }) => cards?.length)).toEqual([2, 1, 2])
  })

  it("never put one card into a tick twice", () => {
    expect(read([gpu(0, 0), gpu(0, 400)]).map(({ gpu: cards }) => cards?.length)).toEqual([1, 1])
  })

  it("stand alone as system samples where there is no card", () => {
    expect(read(null, [sys(0)])).toMatchObject([{ gpu: null, source: "llama-swap", backfilled: true }])
  })

  it("read a missing sensor's 0 as unknown, and a resting card's 0 as 0", () => {
    const [resting] = read([gpu(0, 0)])
    expect(resting?.gpu?.[0]).toMatchObject({
      temp_c: 50,
      mem_temp_c: null,
      util_pct: 0,
      fan_pct: 0,
      power_w: 20,
    })
    const [blind] = read([gpu(0, 0, { temp_c: 0, power_draw_w: 0, mem_total_mb: 0, mem_used_mb: 0 })])
    expect(blind?.gpu?.[0]).toMatchObject({
      temp_c: null,
      power_w: null,
      fan_pct: null,
      mem_used_mib: null,
      mem_total_mib: null,
    })
  })

  it("make rates of counters, except over a reset", () => {
    const net = (bytes: number) => [{ name: "eth0", bytes_recv: bytes, bytes_sent: bytes * 2 }]
    const samples = read(null, [
      sys(0, { net_io: net(1_000) }),
      sys(5_000, { net_io: net(6_000) }),
      sys(10_000, { net_io: net(5) }),
    ])
    expect(
      samples.map(({ sys: system }) => [system?.net_rx_bytes_per_s, system?.net_tx_bytes_per_s]),
    ).toEqual([
      [null, null],
      [1_000, 2_000],
      [null, null],
    ])
  })

  it("are read from a recording", () => {
    expect(samplesOf(Performance.parse(fixture("performance-v250.json")))).toMatchObject([
      { ts: "2026-11-22T13:28:34.452Z", gpu: null, sys: { mem_total_mib: 24_105 } },
    ])
  })
})

it("reads recorded hardware", () => {
  expect(hardwareOf(HardwareReply.parse(fixture("hardware-v250.json")))).toEqual({
    os_family: "linux",
    os_name: "debian 12.11",
    cpu_model: "Intel(R) Xeon(R) Processor",
    cpu_threads: 2,
    memory_total_mib: 24_576,
    gpus: [],
  })
})

it("reads accelerators, and what is not known of them", () => {
  const reply = HardwareReply.parse({
    accelerators: [
      {
        index: 0,
        model: "RTX 5090",
        memory: { capacity_bytes: 32 * 2 ** 30 },
        driver: { version: "580" },
        power_limit_watts: 575,
      },
      { index: 1, model: null, memory: null, driver: null },
    ],
  })
  expect(hardwareOf(reply).gpus).toEqual([
    { index: 0, uuid: null, name: "RTX 5090", memory_total_mib: 32_768, power_limit_w: 575, driver: "580" },
    { index: 1, uuid: null, name: null, memory_total_mib: null, power_limit_w: null, driver: null },
  ])
})
