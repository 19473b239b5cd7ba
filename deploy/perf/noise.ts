import { instantOf } from "@boocontrol/shared/time"
import { uuidOf } from "./traffic.ts"

const GPUS = 4

/** A walk between two limits, the same each time. */
function walk(seed: number) {
  let state = seed * 2_654_435_761 + 1
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  return {
    random,
    step: (from: number, most: number, [low, high]: readonly [number, number]): number =>
      Math.min(high, Math.max(low, from + Math.round((random() * 2 - 1) * most))),
  }
}

/**
 * An hour of samples of a busy machine, one a second. Every reading that changes does so all the time, within what a card
 * does from one second to the next: packing is to be measured on noise, not on repeats.
 */
export function noisyHour(seed: number, startMs: number) {
  const { random, step } = walk(seed + 1)
  const gpus = Array.from({ length: GPUS }, () => ({
    util: 50,
    memory: 12_000,
    temp: 60,
    watts: 20_000,
    clock: 1_500,
    fan: 40,
  }))
  const machine = { cpu: 400, load: 800, memory: 21_000 }
  return Array.from({ length: 3_600 }, (_, seq) => {
    machine.cpu = step(machine.cpu, 120, [0, 1_000])
    machine.load = step(machine.load, 20, [0, 3_200])
    machine.memory = step(machine.memory, 60, [12_000, 60_000])
    return {
      seq,
      ts: instantOf(startMs + seq * 1_000 + Math.floor(random() * 4)),
      gpu: gpus.map((of, index) => {
        of.util = step(of.util, 15, [0, 100])
        of.memory = random() < 0.02 ? Math.round(random() * 24_000) : step(of.memory, 30, [300, 24_500])
        of.temp = step(of.temp, 1, [35, 85])
        of.watts = step(of.watts, 2_500, [2_000, 35_000])
        of.clock = step(of.clock, 60, [210, 1_905])
        of.fan = step(of.fan, 1, [30, 100])
        return {
          ...{
            index,
            uuid: `GPU-${uuidOf(`noise ${seed} ${index}`)}`,
            name: "NVIDIA GeForce RTX 3090",
            state: "awake",
          },
          ...{
            util_pct: of.util,
            mem_busy_pct: Math.floor(of.util / 2),
            mem_used_mib: of.memory,
            mem_total_mib: 24_576,
          },
          ...{ temp_c: of.temp, mem_temp_c: null, power_w: of.watts / 100, power_limit_w: 350 },
          ...{ clock_sm_mhz: of.clock, clock_mem_mhz: 9_501, fan_pct: of.fan },
          ...{ pstate: of.util > 5 ? "P2" : "P8", throttle: "0x0000000000000001" },
        }
      }),
      sys: {
        ...{ cpu_pct: machine.cpu / 10, load_1: machine.load / 100 },
        ...{ mem_used_mib: machine.memory, mem_total_mib: 128_000, swap_used_mib: 0, swap_total_mib: 8_191 },
        ...{ disk_used_mib: 420_331 + Math.floor(seq / 90), disk_total_mib: 1_906_000 },
        ...{ net_rx_bytes_per_s: Math.floor(random() * 1e6), net_tx_bytes_per_s: Math.floor(random() * 1e6) },
      },
    }
  })
}
