import { HostId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import { silentLog } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { createRetention } from "./index.ts"
import type { Retention, RetentionOptions } from "./index.ts"

export const TIERS = [
  {
    tier: "10s",
    from: "raw",
    widthMs: 10_000,
    openMs: 15_000,
    table: "control_perf_rollup_10s",
    packed: "control_perf_rollup_10s_packed",
  },
  {
    tier: "1m",
    from: "10s",
    widthMs: 60_000,
    openMs: 20_000,
    table: "control_perf_rollup_1m",
    packed: "control_perf_rollup_1m_packed",
  },
  {
    tier: "5m",
    from: "1m",
    widthMs: 300_000,
    openMs: 60_000,
    table: "control_perf_rollup_5m",
    packed: "control_perf_rollup_5m_packed",
  },
  { tier: "1h", from: "5m", widthMs: 3_600_000, openMs: 300_000, table: "control_perf_rollup_1h" },
]

export const RETAIN = {
  perfDays: { raw: 7, "10s": 14, "1m": 400, "5m": 400, "1h": 3650 },
  activityDays: 90,
  eventsDays: 400,
  packAfterHours: 24,
}

export function knownHost(id: string, createdMs: number, enabled = true) {
  return { provider_id: HostId.parse(id), enabled, created_at: instantOf(createdMs) }
}

/** What a hub takes care with, with nothing around it. */
export function careOptions(sql: Sql, clock: Clock, more: Partial<RetentionOptions> = {}): RetentionOptions {
  return {
    ...{
      sql,
      clock,
      log: silentLog,
      hubId: "hub-a",
      tiers: TIERS,
      retain: RETAIN,
      captureBudgetBytes: 1_000_000,
    },
    hosts: { rows: () => [] },
    packing: { pack: () => Promise.resolve({ packed: 0, waiting: 0 }) },
    figures: {
      streams: () => [],
      samples: () => ({ samples: 0, nudged: 0 }),
      natsAnswers: () => Promise.resolve(true),
    },
    ...more,
  }
}

export function retentionAt(sql: Sql, clock: Clock, more: Partial<RetentionOptions> = {}): Retention {
  return createRetention(careOptions(sql, clock, more))
}
