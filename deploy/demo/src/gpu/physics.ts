import type { GpuKind } from "./kinds.ts"

/** What the card was asked to do since the last step, each 0..1 of the time. */
export interface GpuLoad {
  prefill: number
  decode: number
  loading: number
  memoryMib: number
  processes: number
}

export interface GpuReading {
  utilization: number
  memoryUtilization: number
  memoryUsedMib: number
  temperatureC: number
  memoryTemperatureC: number
  powerW: number
  smMhz: number
  memoryMhz: number
  fanPercent: number
  pstate: number
}

// The driver keeps a little for itself; a card without any process still shows it.
const DRIVER_RESERVED_MIB = 4
// Silicon follows its power within half a minute; the fan follows the temperature somewhat faster.
const TEMPERATURE_TIME_CONSTANT_MS = 26_000
const POWER_TIME_CONSTANT_MS = 700
const FAN_TIME_CONSTANT_MS = 6_000

export function idleReading(kind: GpuKind): GpuReading {
  return {
    utilization: 0,
    memoryUtilization: 0,
    memoryUsedMib: DRIVER_RESERVED_MIB,
    temperatureC: kind.idleC,
    memoryTemperatureC: kind.idleC + 6,
    powerW: kind.idlePowerW,
    smMhz: kind.idleSmMhz,
    memoryMhz: 405,
    fanPercent: 0,
    pstate: 8,
  }
}

/** One step of the card: power follows the load, temperature the power, the fan the temperature. */
export function stepGpu(
  kind: GpuKind,
  before: GpuReading,
  step: { load: GpuLoad; ms: number; noise: number },
) {
  const { load, ms, noise } = step
  // Prefill saturates the compute units, decode waits for memory, loading mostly waits for the disk.
  const busy = clamp(load.prefill * 1 + load.decode * 0.93 + load.loading * 0.12, 0, 1)
  const drive = clamp(load.prefill * 0.97 + load.decode * 0.7 + load.loading * 0.1, 0, 0.99)
  const held = load.processes > 0
  const idleW = held ? kind.idlePowerW * 1.9 : kind.idlePowerW
  const powerTarget = (idleW + (kind.powerLimitW - idleW) * drive) * (1 + noise * 0.025)
  const powerW = approach(
    before.powerW,
    Math.min(powerTarget, kind.powerLimitW * 1.01),
    ms / POWER_TIME_CONSTANT_MS,
  )
  const share = clamp((powerW - kind.idlePowerW) / (kind.powerLimitW - kind.idlePowerW), 0, 1)
  const heatTarget = kind.idleC + (kind.hotC - kind.idleC) * share
  const temperatureC = approach(before.temperatureC, heatTarget, ms / TEMPERATURE_TIME_CONSTANT_MS)
  const fanTarget = temperatureC < 45 ? 0 : clamp(30 + (temperatureC - 45) * 1.7, 30, 100)
  const reading: GpuReading = {
    utilization: clamp(100 * busy * (1 + noise * 0.04), 0, 100),
    memoryUtilization: clamp(100 * (load.decode * 0.78 + load.prefill * 0.45 + load.loading * 0.2), 0, 100),
    memoryUsedMib: Math.min(DRIVER_RESERVED_MIB + load.memoryMib, kind.memoryMib),
    temperatureC,
    memoryTemperatureC: temperatureC + 6 + 8 * share,
    powerW,
    smMhz: busy > 0.02 ? kind.maxSmMhz * (0.93 - 0.08 * drive) : held ? kind.idleSmMhz * 2 : kind.idleSmMhz,
    memoryMhz: busy > 0.02 || held ? kind.memoryMhz : 405,
    fanPercent: approach(before.fanPercent, fanTarget, ms / FAN_TIME_CONSTANT_MS),
    pstate: busy > 0.02 ? (kind.name.includes("GeForce") ? 1 : 0) : held ? 5 : 8,
  }
  return reading
}

function approach(from: number, to: number, timeConstants: number): number {
  return to + (from - to) * Math.exp(-timeConstants)
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}
