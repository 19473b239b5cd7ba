import fc from "fast-check"
import { expect, it } from "vitest"
import { HostId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { gpu, perfMessage, sample, sys } from "../samples-for-tests.ts"
import { addBucket, addSample, bucketOfSample, mergeBuckets } from "./aggregate.ts"
import { samplesOf } from "./fold.ts"
import type { IncomingSample } from "./fold.ts"
import { freshBuckets, freshSums } from "./fresh.ts"

const START = Date.UTC(2026, 10, 22, 12)
const HOST = HostId.parse("gpu-1")

const reading = fc.option(fc.integer({ min: -5_000, max: 60_000 }), { nil: null })
const card = fc.record({
  index: fc.nat(2),
  uuid: fc.constantFrom(null, "GPU-a", "GPU-b"),
  util: reading,
  power: reading,
})
const one = fc.record({
  gpus: fc.option(fc.array(card, { maxLength: 4 }), { nil: null }),
  load: reading,
  hasSys: fc.boolean(),
  backfilled: fc.boolean(),
})
type One = typeof one extends fc.Arbitrary<infer T> ? T : never

const tenth = (value: number | null): number | null => (value === null ? null : value / 100)

function incoming(given: readonly One[]): IncomingSample[] {
  const samples = given.map(({ gpus, load, hasSys, backfilled }, n) =>
    sample(START + n * 100, {
      backfilled,
      gpu:
        gpus &&
        gpus.map(({ index, uuid, util, power }) =>
          gpu({ index, uuid, util_pct: util, power_w: tenth(power) }),
        ),
      sys: hasSys ? sys({ load_1: tenth(load) }) : null,
    }),
  )
  return samplesOf([perfMessage(samples)])
}

it("adds samples one by one to what merging all of them gives", () => {
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 12 }), (given) => {
      const [first, ...rest] = incoming(given).map(({ gpu: cards, sys: system, backfilled }) => ({
        ...{ gpu: cards, sys: system, backfilled: backfilled === true },
      }))
      if (!first) return
      const bucket = bucketOfSample(first)
      for (const next of rest) addSample(bucket, next)
      expect(bucket).toEqual(mergeBuckets([first, ...rest].map((each) => bucketOfSample(each))))
    }),
  )
})

it("adds buckets one by one to what merging all of them gives", () => {
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 12 }), (given) => {
      const buckets = () => incoming(given).map((each) => bucketOfSample(each))
      const [sum, ...rest] = buckets()
      if (!sum) return
      for (const next of rest) addBucket(sum, next)
      expect(sum).toEqual(mergeBuckets(buckets()))
    }),
  )
})

const MINUTE = { widthMs: 60_000, finerMs: 10_000 }
/** Tens of seconds of a minute, in the order in which they were computed; a sample each. */
const tens = (seconds: readonly number[]) =>
  seconds.map((second) => ({
    ...{ provider_id: HOST, bucket: instantOf(START + second * 1_000), seconds: 10 },
    ...bucketOfSample({ gpu: null, sys: sys({ load_1: second }), backfilled: false }),
  }))

it.each([
  ["all of them", [0, 10, 20, 30, 40, 50], 6, 60],
  ["those there are", [10, 30], 2, 20],
  ["fewer than are stored", [10, 30], 3, null],
  ["one computed again", [0, 10, 10], 3, null],
  ["one that came late", [10, 0], 2, null],
])("knows a minute by its tens of seconds: %s", (_what, seconds, stored, known) => {
  const sums = freshSums({ ...MINUTE, limit: 5 })
  for (const ten of tens(seconds)) sums.add([ten])
  expect(sums.take(HOST, START, stored)?.seconds ?? null).toBe(known)
})

it("keeps a minute until its last part is in", () => {
  const sums = freshSums({ ...MINUTE, limit: 5 })
  sums.add(tens([0, 10]))
  expect(sums.take(HOST, START, 2)?.samples).toBe(2)
  sums.add(tens([20, 50]))
  expect(sums.take(HOST, START, 4)?.sys_agg?.["load_1"]).toMatchObject({ count: 4, sum: 80, last: 50 })
  expect(sums.take(HOST, START, 4)).toBeNull()
})

it("knows a bucket only where every stored sample of it came by here, in the order of their times", () => {
  const parts = fc.array(fc.record({ here: fc.boolean(), sample: one }), { minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(parts, fc.boolean(), (given, shuffled) => {
      const all = incoming(given.map((part) => part.sample))
      const here = all.filter((_sample, n) => given[n]?.here)
      const fresh = freshBuckets({ widthMs: 10_000, limit: 5 })
      for (const each of shuffled ? here.toReversed() : here) fresh.add([each])
      const taken = fresh.take(HOST, START, all.length)
      const isWhole = here.length === all.length && (!shuffled || all.length === 1)
      expect(taken?.times.map(({ ts }) => ts) ?? null).toEqual(isWhole ? all.map(({ ts }) => ts) : null)
      const merged = mergeBuckets(all.map((each) => bucketOfSample(each)))
      expect(taken?.bucket ?? null).toEqual(isWhole ? merged : null)
      expect(fresh.take(HOST, START, all.length)).toBeNull()
    }),
  )
})

it("keeps the newest buckets when there are too many", () => {
  const fresh = freshBuckets({ widthMs: 10_000, limit: 2 })
  const moments = [0, 10, 20].map((second) => START + second * 1_000)
  for (const atMs of moments) fresh.add(samplesOf([perfMessage([sample(atMs)])]))
  expect(moments.map((atMs) => fresh.take(HOST, atMs, 1) !== null)).toEqual([false, true, true])
})
