import type { ActivityRow } from "@boocontrol/shared/activity"
import type { FleetHost, HostRates } from "@boocontrol/shared/fleet"
import type { PerfSample } from "@boocontrol/shared/telemetry"
import { epochMsOf } from "@boocontrol/shared/time"
import { sumKnown, totalOfInventory } from "./vram.ts"

export interface FleetTotals {
  readonly hostsUp: number
  readonly hosts: number
  readonly simulated: number
  readonly vramUsedMib: number | null
  readonly vramTotalMib: number | null
  readonly powerW: number | null
  /** How many hosts the readings come from. */
  readonly reading: number
  readonly requestsPerMin: number | null
  readonly swaps: number | null
  readonly swapMs: number | null
  readonly spooled: number | null
}

/** Disabled hosts are no part of the fleet's sums. `samples` holds only readings of now. */
export function fleetTotals(
  hosts: readonly FleetHost[],
  samples: ReadonlyMap<string, PerfSample>,
): FleetTotals {
  const enabled = hosts.filter((host) => host.enabled)
  const gpus = enabled.flatMap((host) => samples.get(host.provider_id)?.gpu ?? [])
  const rates = enabled.map((host) => host.rates)
  return {
    hostsUp: enabled.filter((host) => host.liveness === "connected").length,
    hosts: enabled.length,
    simulated: enabled.filter((host) => host.simulated).length,
    vramUsedMib: sumKnown(gpus.map((gpu) => gpu.mem_used_mib)),
    vramTotalMib: sumKnown(enabled.map(totalOfInventory)),
    powerW: sumKnown(gpus.map((gpu) => gpu.power_w)),
    reading: enabled.filter((host) => samples.has(host.provider_id)).length,
    requestsPerMin: sumRates(rates, (rate) => rate.requests_per_min),
    swaps: sumRates(rates, (rate) => rate.swaps_1h),
    swapMs: sumRates(rates, (rate) => rate.swap_ms_1h),
    spooled: sumKnown(enabled.map((host) => host.spool?.depth ?? null)),
  }
}

function sumRates(rates: readonly (HostRates | null)[], pick: (rate: HostRates) => number): number | null {
  return sumKnown(rates.map((rate) => (rate === null ? null : pick(rate))))
}

const MINUTE_MS = 60_000

/**
 * Output tokens per second over the last minute, of requests that ended in it. What is still being written
 * counts when it ends: the engine does not say it earlier.
 */
export function outputRate(rows: readonly ActivityRow[], nowMs: number, hostId?: string): number {
  let tokens = 0
  for (const row of rows) {
    const age = nowMs - epochMsOf(row.ts)
    if (age > MINUTE_MS) break
    if (hostId === undefined || row.provider_id === hostId) tokens += row.output_tokens ?? 0
  }
  return tokens / (MINUTE_MS / 1000)
}
