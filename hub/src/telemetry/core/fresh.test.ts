import fc from "fast-check"
import { expect, it } from "vitest"
import { HostId } from "@boocontrol/shared/ids"
import { gpu, perfMessage, sample, sys } from "../samples-for-tests.ts"
import { addSample, bucketOfSample, mergeBuckets } from "./aggregate.ts"
import { samplesOf } from "./fold.ts"
import type { IncomingSample } from "./fold.ts"
import { freshBuckets } from "./fresh.ts"

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
