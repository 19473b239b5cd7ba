import * as z from "zod/mini"
import { Instant } from "./time.ts"

const reading = z.nullable(z.number())

/**
 * One GPU at one moment. Every reading is null where the card, the driver or its sleep gives none.
 * Units: percent 0-100, MiB, degrees Celsius, watts, MHz.
 */
export const GpuSample = z.object({
  index: z.int(),
  uuid: z.nullable(z.string()),
  name: z.nullable(z.string()),
  /** `asleep`: suspended by the driver and left so; `lost`: the driver says the card is gone. */
  state: z.enum(["awake", "asleep", "lost"]),
  util_pct: reading,
  /** Share of time the memory controller was busy. Not the share of VRAM in use. */
  mem_busy_pct: reading,
  mem_used_mib: reading,
  mem_total_mib: reading,
  temp_c: reading,
  mem_temp_c: reading,
  power_w: reading,
  power_limit_w: reading,
  clock_sm_mhz: reading,
  clock_mem_mhz: reading,
  fan_pct: reading,
  pstate: z.nullable(z.string()),
  /** Active clock limit reasons as the driver's hex mask, null where not read. */
  throttle: z.nullable(z.string()),
})
export type GpuSample = z.infer<typeof GpuSample>

/** The machine at one moment. Rates are per second since the sample before. */
export const SysSample = z.object({
  cpu_pct: reading,
  load_1: reading,
  mem_used_mib: reading,
  mem_total_mib: reading,
  swap_used_mib: reading,
  swap_total_mib: reading,
  disk_used_mib: reading,
  disk_total_mib: reading,
  net_rx_bytes_per_s: reading,
  net_tx_bytes_per_s: reading,
})
export type SysSample = z.infer<typeof SysSample>

export const SampleSource = z.enum(["nvidia-smi", "llama-swap", "os"])
export type SampleSource = z.infer<typeof SampleSource>

/** One tick of one host: all its GPUs and the system. `gpu` is null where there is no GPU reading at all. */
export const PerfSample = z.object({
  ts: Instant,
  gpu: z.nullable(z.array(GpuSample)),
  sys: z.nullable(SysSample),
  source: SampleSource,
  /** True where the sample was fetched later than it happened. */
  backfilled: z.optional(z.boolean()),
})
export type PerfSample = z.infer<typeof PerfSample>

/** Memory that one process holds on one GPU. `used_mib` is null where the driver will not say (Windows WDDM). */
export const GpuProcess = z.object({
  gpu_uuid: z.nullable(z.string()),
  pid: z.int(),
  name: z.nullable(z.string()),
  used_mib: reading,
  model: z.nullable(z.string()),
})
export type GpuProcess = z.infer<typeof GpuProcess>

/** Data of `.perf`: up to 5 s of samples, oldest first. */
export const PerfData = z.object({ samples: z.array(PerfSample).check(z.maxLength(1000)) })
export type PerfData = z.infer<typeof PerfData>

/** Data of `.live`: the newest sample, for eyes. */
export const LiveData = z.object({ sample: PerfSample })
export type LiveData = z.infer<typeof LiveData>

/** Count, sum, min, max and last of a series within a bucket, so that tiers merge exactly. */
export const Aggregate = z.object({
  count: z.int(),
  sum: z.number(),
  min: z.number(),
  max: z.number(),
  last: z.number(),
})
export type Aggregate = z.infer<typeof Aggregate>

export const PERF_TIERS = ["raw", "10s", "1m", "5m", "1h"] as const
export const PerfTier = z.enum(PERF_TIERS)
export type PerfTier = z.infer<typeof PerfTier>

/** Metrics of one GPU that charts can ask for. */
export const GPU_SERIES = [
  "util_pct",
  "mem_used_mib",
  "mem_total_mib",
  "temp_c",
  "power_w",
  "power_limit_w",
  "fan_pct",
  "clock_sm_mhz",
  "clock_mem_mhz",
] as const
export type GpuSeriesName = (typeof GPU_SERIES)[number]
export const SYS_SERIES = [
  "cpu_pct",
  "mem_used_mib",
  "mem_total_mib",
  "swap_used_mib",
  "disk_used_mib",
  "net_rx_bytes_per_s",
  "net_tx_bytes_per_s",
] as const
export type SysSeriesName = (typeof SYS_SERIES)[number]

/** One point of a series: mean and extremes of its bucket; null is a hole, never a zero. */
export const SeriesPoint = z.object({
  ts: Instant,
  mean: reading,
  min: reading,
  max: reading,
})
export type SeriesPoint = z.infer<typeof SeriesPoint>

export const PerfSpan = z.object({ from: Instant, to: Instant })
export type PerfSpan = z.infer<typeof PerfSpan>

/** Reply of `GET /perf`: which tier answered, one series per GPU metric and system metric, and where history has holes. */
export const PerfReply = z.object({
  provider_id: z.string(),
  tier: PerfTier,
  step_s: z.number(),
  from: Instant,
  to: Instant,
  gpus: z.array(
    z.object({
      index: z.int(),
      uuid: z.nullable(z.string()),
      name: z.nullable(z.string()),
      series: z.record(z.string(), z.array(SeriesPoint)),
    }),
  ),
  sys: z.record(z.string(), z.array(SeriesPoint)),
  missing: z.array(PerfSpan),
  backfilled: z.array(PerfSpan),
})
export type PerfReply = z.infer<typeof PerfReply>
