import fc from "fast-check"
import { expect, it } from "vitest"
import { HostId } from "@boocontrol/shared/ids"
import { PerfReply } from "@boocontrol/shared/telemetry"
import type { PerfTier } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import { gpu, sample, sys } from "../samples-for-tests.ts"
import { StoredSample, bucketOfSample, mergeBuckets } from "./aggregate.ts"
import { SeriesInTheMaking } from "./series.ts"
import type { Reading } from "./series.ts"
import { backfilledSpans, missingSpans } from "./spans.ts"
import type { Covered, Span } from "./spans.ts"
import { chooseResolution } from "./tiers.ts"

const stored = (given: Parameters<typeof sample>[1], atMs = 0): StoredSample => {
  const { gpu, sys, backfilled } = sample(atMs, given)
  return StoredSample.parse({ gpu, sys, backfilled: backfilled ?? false })
}
const bucketOf = (given: Parameters<typeof sample>[1]) => bucketOfSample(stored(given))

it("counts only readings that are there", () => {
  const bucket = mergeBuckets([
    bucketOf({ gpu: [gpu({ temp_c: 50, fan_pct: null })], sys: null }),
    bucketOf({ gpu: [gpu({ temp_c: null, fan_pct: null })], sys: null, backfilled: true }),
    bucketOf({ gpu: [gpu({ temp_c: 60.5, fan_pct: null })], sys: null }),
    bucketOf({ gpu: null, sys: sys({ cpu_pct: 3 }) }),
  ])
  expect(bucket).toMatchObject({ samples: 4, backfilled: 1 })
  const metrics = bucket?.gpu_agg?.["GPU-aaaa"]?.metrics
  expect(metrics?.["temp_c"]).toEqual({ count: 2, sum: 110.5, min: 50, max: 60.5, last: 60.5 })
  expect(metrics).not.toHaveProperty("fan_pct")
  expect(bucket?.sys_agg?.["cpu_pct"]).toEqual({ count: 1, sum: 3, min: 3, max: 3, last: 3 })
})

it("keeps GPUs apart by uuid, and by index where there is none", () => {
  const bucket = bucketOf({ gpu: [gpu(), gpu({ index: 1, uuid: null, temp_c: 20 })] })
  expect(Object.keys(bucket.gpu_agg ?? {})).toEqual(["GPU-aaaa", "index-1"])
  expect(bucket.gpu_agg?.["index-1"]?.metrics["temp_c"]?.last).toBe(20)
})

it("knows nothing of an empty stretch", () => {
  expect(mergeBuckets([])).toBeNull()
  expect(bucketOf({ gpu: null, sys: null })).toEqual({
    samples: 1,
    backfilled: 0,
    gpu_agg: null,
    sys_agg: null,
  })
})

const Reads = fc.record({
  temp_c: fc.option(fc.integer({ min: 0, max: 1_000 }).map((n) => n / 10)),
  power_w: fc.option(fc.integer({ min: 0, max: 60_000 }).map((n) => n / 100)),
})

it("merges to the same bytes in whatever groups it is built", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(Reads, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 12 }),
      (groups) => {
        const buckets = groups.map((group) => group.map((reads) => bucketOf({ gpu: [gpu(reads)] })))
        const inGroups = mergeBuckets(
          buckets.map((group) => mergeBuckets(group)).filter((bucket) => bucket !== null),
        )
        expect(JSON.stringify(inGroups)).toBe(JSON.stringify(mergeBuckets(buckets.flat())))
      },
    ),
  )
})

const SECOND = 1_000
const DAY = 24 * 3_600 * SECOND
const NOW = Date.UTC(2026, 10, 22, 12)
const retainDays = { raw: 7, "10s": 14, "1m": 400, "5m": 400, "1h": 3650 }
const resolution = (fromAgoMs: number, rangeMs: number, points = 600) =>
  chooseResolution({
    fromMs: NOW - fromAgoMs,
    toMs: NOW - fromAgoMs + rangeMs,
    nowMs: NOW,
    points,
    retainDays,
  })

it.each<[string, number, number, PerfTier]>([
  ["the last five minutes", 300 * SECOND, 300 * SECOND, "raw"],
  ["the last hour", 3_600 * SECOND, 3_600 * SECOND, "10s"],
  ["the last six hours", 6 * 3_600 * SECOND, 6 * 3_600 * SECOND, "1m"],
  ["the last day", DAY, DAY, "5m"],
  ["the last three days", 3 * DAY, 3 * DAY, "5m"],
  ["the last week", 7 * DAY, 7 * DAY, "1h"],
  ["the last month", 30 * DAY, 30 * DAY, "1h"],
  ["an hour ten days ago, when no raw sample is left", 10 * DAY, 3_600 * SECOND, "10s"],
  ["an hour a month ago", 30 * DAY, 3_600 * SECOND, "1m"],
  ["an hour two years ago", 730 * DAY, 3_600 * SECOND, "1h"],
])("answers %s from what holds it and is cheap to read", (_what, agoMs, rangeMs, tier) => {
  expect(resolution(agoMs, rangeMs).tier).toBe(tier)
})

it("never gives more points than asked for, wherever the range begins", () => {
  const numbers = {
    points: fc.integer({ min: 10, max: 2_000 }),
    rangeMs: fc.integer({ min: 1, max: 400 * DAY }),
    fromMs: fc.integer({ min: 0, max: DAY }),
  }
  fc.assert(
    fc.property(fc.record(numbers), ({ points, rangeMs, fromMs }) => {
      const { stepMs } = resolution(rangeMs + fromMs, rangeMs, points)
      const from = NOW - rangeMs - fromMs
      const steps = Math.floor((from + rangeMs - 1) / stepMs) - Math.floor(from / stepMs) + 1
      expect(steps).toBeLessThanOrEqual(points)
    }),
  )
})

const covered = (startMs: number, endMs: number, backfilled = false): Covered => ({
  startMs,
  endMs,
  backfilled,
})
const range = { fromMs: 0, toMs: 100, settledMs: 1_000, toleranceMs: 3 }

it.each<[string, Covered[], Partial<typeof range>, [number, number][]]>([
  ["nothing stored", [], {}, [[0, 100]]],
  ["all covered", [covered(0, 50), covered(50, 100)], {}, []],
  ["a hiccup within the tolerance", [covered(0, 50), covered(53, 100)], {}, []],
  ["a hole", [covered(0, 40), covered(60, 100)], {}, [[40, 60]]],
  [
    "a late beginning and an early end",
    [covered(20, 80)],
    {},
    [
      [0, 20],
      [80, 100],
    ],
  ],
  ["stretches that overlap", [covered(0, 90), covered(10, 20), covered(88, 100)], {}, []],
  ["the last moments, which are on their way", [covered(0, 90)], { settledMs: 92 }, []],
  ["an end that should have arrived", [covered(0, 50)], { settledMs: 80 }, [[50, 80]]],
])("finds what is missing: %s", (_what, stretches, given, expected) => {
  expect(missingSpans(stretches, { ...range, ...given })).toEqual(
    expected.map(([fromMs, toMs]) => ({ fromMs, toMs })),
  )
})

it("joins backfilled stretches that follow each other", () => {
  const stretches = [covered(0, 10, true), covered(11, 20, true), covered(20, 30), covered(30, 40, true)]
  expect(backfilledSpans(stretches, 3)).toEqual([
    { fromMs: 0, toMs: 20 },
    { fromMs: 30, toMs: 40 },
  ])
})

const reading = (startMs: number, temp_c: number | null): Reading => ({
  ...covered(startMs, startMs + SECOND),
  bucket: bucketOf({ gpu: [gpu({ temp_c, fan_pct: null })] }),
})

const HEAD: Omit<PerfReply, "gpus" | "sys"> = {
  ...{ provider_id: HostId.parse("gpu-1"), tier: "raw", step_s: 2, missing: [], backfilled: [] },
  ...{ from: instantOf(0), to: instantOf(10_000) },
}
const answerOf = (readings: readonly Reading[], missing: readonly Span[] = []): PerfReply => {
  const series = new SeriesInTheMaking({ fromMs: 0, toMs: 10_000, stepMs: 2_000 })
  for (const each of readings) series.add(each)
  return PerfReply.parse(JSON.parse(new TextDecoder().decode(series.answer(HEAD, missing))))
}

it("draws means and extremes per step, and a null where the line has to break", () => {
  const readings = [reading(0, 50), reading(1_000, 60), reading(2_000, 70), reading(9_000, null)]
  const reply = answerOf(readings, [{ fromMs: 4_000, toMs: 8_000 }])
  const { gpus, sys, ...head } = reply
  expect(head).toEqual(HEAD)
  expect(gpus).toHaveLength(1)
  expect(gpus[0]).toMatchObject({ index: 0, uuid: "GPU-aaaa", name: "NVIDIA GeForce RTX 5090" })
  expect(gpus[0]?.series["temp_c"]).toEqual([
    { ts: "1970-01-01T00:00:00.000Z", mean: 55, min: 50, max: 60 },
    { ts: "1970-01-01T00:00:02.000Z", mean: 70, min: 70, max: 70 },
    { ts: "1970-01-01T00:00:04.000Z", mean: null, min: null, max: null },
    { ts: "1970-01-01T00:00:06.000Z", mean: null, min: null, max: null },
    { ts: "1970-01-01T00:00:08.000Z", mean: null, min: null, max: null },
  ])
  expect(gpus[0]?.series["fan_pct"]).toEqual([])
  expect(sys["cpu_pct"]?.map((point) => point.mean)).toEqual([12.5, 12.5, null, null, 12.5])
  expect(answerOf(readings.toReversed(), [{ fromMs: 4_000, toMs: 8_000 }])).toEqual(reply)
})

it("names a GPU as its newest reading does, in the order of their places, and leaves out what lies outside", () => {
  const readings = [
    { at: 3_000, uuid: "GPU-b", index: 1, name: 'new "name"' },
    { at: 1_000, uuid: "GPU-b", index: 2, name: "old" },
    { at: 1_000, uuid: "GPU-a", index: 0, name: null },
    { at: 10_000, uuid: "GPU-c", index: 3, name: "after" },
    { at: -1, uuid: "GPU-d", index: 4, name: "before" },
  ].map(({ at, ...given }) => ({
    ...covered(at, at + SECOND),
    bucket: bucketOf({ gpu: [gpu(given)], sys: null }),
  }))
  const reply = answerOf(readings)
  expect(reply.gpus.map(({ index, uuid, name }) => [index, uuid, name])).toEqual([
    [0, "GPU-a", null],
    [1, "GPU-b", 'new "name"'],
  ])
  expect(reply.sys["cpu_pct"]).toEqual([])
  expect(answerOf([])).toMatchObject({ gpus: [], sys: { cpu_pct: [] } })
})
