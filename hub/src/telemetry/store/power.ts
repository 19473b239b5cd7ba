import type { HostId } from "@boocontrol/shared/ids"
import type { PerfTier } from "@boocontrol/shared/telemetry"
import type { Sql } from "../../platform/postgres.ts"
import type { Bucket } from "../core/aggregate.ts"
import { widthOf } from "../core/tiers.ts"
import { readReadings } from "./read.ts"

export interface PowerSlot {
  startMs: number
  endMs: number
  watts: number
}

const HOUR_MS = 3_600_000
/** The finest tier that is worth its rows: loads take seconds to minutes. Beyond a day minutes would be thousands. */
const TIERS: readonly { upToMs: number; tier: PerfTier }[] = [
  { upToMs: 3 * HOUR_MS, tier: "10s" },
  { upToMs: 25 * HOUR_MS, tier: "1m" },
  { upToMs: Number.POSITIVE_INFINITY, tier: "5m" },
]

/** Power of all GPUs of a host together over a range, oldest first; stretches without a reading are left out. */
export async function powerSlots(
  sql: Sql,
  host: HostId,
  range: { fromMs: number; toMs: number },
): Promise<{ stepMs: number; slots: PowerSlot[] }> {
  const tier = TIERS.find(({ upToMs }) => range.toMs - range.fromMs <= upToMs)?.tier ?? "5m"
  const readings = await readReadings(sql, { host, tier, ...range })
  const slots = readings.flatMap(({ startMs, endMs, bucket }) => {
    const watts = wattsOf(bucket)
    return watts === null ? [] : [{ startMs, endMs, watts }]
  })
  return { stepMs: widthOf(tier), slots }
}

function wattsOf({ gpu_agg }: Bucket): number | null {
  const means = Object.values(gpu_agg ?? {}).flatMap(({ metrics }) => {
    const power = metrics["power_w"]
    return power && power.count > 0 ? [power.sum / power.count] : []
  })
  return means.length === 0 ? null : means.reduce((sum, mean) => sum + mean, 0)
}
