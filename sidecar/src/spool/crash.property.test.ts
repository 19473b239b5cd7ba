import * as fc from "fast-check"
import { expect, it } from "vitest"
import type { StreamName } from "@boocontrol/shared/subjects"
import { BootId } from "@boocontrol/shared/ids"
import { message } from "./test/messages.ts"
import { crashed, life } from "./test/world.ts"

const LANES: readonly StreamName[] = ["BOO_EVENTS", "BOO_PERF"]

type Act =
  | { do: "add"; lane: StreamName; bytes: number }
  | { do: "store"; nth: number }
  | { do: "wait" }
  | { do: "crash"; torn: number }
  | { do: "fail"; operations: number }

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("add" as const),
      lane: fc.constantFrom(...LANES),
      bytes: fc.integer({ min: 2, max: 30_000 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("store" as const), nth: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.constant({ do: "wait" as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const), torn: fc.nat(40_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("fail" as const), operations: fc.integer({ min: 1, max: 4 }) }),
  },
)

// A model of what must hold over any number of lives: what was called safe is sent until it is stored, or is told as
// lost; nothing else is ever sent; and each lane is sent in the order of its making.
it("loses nothing that was called safe and invents nothing, whatever is stored, fails, or is cut off when it dies", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 120 }), async (acts) => {
      const emitted = new Map<string, { lane: StreamName; order: number; payload: string }>()
      const safe = new Set<string>()
      const stored = new Set<string>()
      let lives = 0
      let seq = 0
      let boot = bootOf(0)
      let one = await life({ maxBytes: 50_000_000 })
      const idOf = (record: { boot: string; seq: number }) => `${record.boot}.${record.seq}`

      async function die(torn: number): Promise<void> {
        const contents = crashed(one)
        // What was written but not waited for may be there in part: the last write alone is in flight at a time.
        const newest = [...contents.keys()]
          .filter((name) => name.endsWith(".log"))
          .toSorted()
          .at(-1)
        const inFlight = unsafe.at(-1)
        if (newest && inFlight) {
          const bytes = contents.get(newest) ?? Buffer.alloc(0)
          contents.set(newest, Buffer.concat([bytes, Buffer.from(inFlight.payload).subarray(0, torn)]))
        }
        lives += 1
        seq = 0
        boot = bootOf(lives)
        unsafe.length = 0
        one = await life({ contents, maxBytes: 50_000_000 })
      }

      const unsafe: { id: string; payload: string }[] = []
      for (const step of acts) {
        switch (step.do) {
          case "add": {
            seq += 1
            const id = idOf({ boot, seq })
            const payload = JSON.stringify(id.padEnd(step.bytes, "."))
            emitted.set(id, { lane: step.lane, order: emitted.size, payload })
            unsafe.push({ id, payload })
            const of = lives
            void one.spool
              .append(message(step.lane, seq, { boot, payload: Buffer.from(payload) }))
              .then(() => void (of === lives && safe.add(id)))
            break
          }
          case "store": {
            await one.settle()
            const left = [...(await one.left("BOO_EVENTS")), ...(await one.left("BOO_PERF"))]
            const record = left[step.nth % Math.max(1, left.length)]
            if (record) {
              stored.add(idOf(record))
              one.spool.remove(record.lane, record.position)
            }
            break
          }
          case "wait":
            await one.clock.advance(12_000)
            break
          case "fail": {
            let left = step.operations
            one.files.fail = (operation) =>
              ["write", "create", "append", "truncate"].includes(operation) && left-- > 0
                ? { code: "ENOSPC", partBytes: 5 }
                : null
            break
          }
          case "crash":
            await die(step.torn)
        }
      }
      await one.clock.advance(40_000)
      await die(0)
      const sent = await Promise.all(LANES.map((lane) => one.left(lane)))
      const ids = new Set(sent.flat().map(idOf))
      expect([...safe].filter((id) => !stored.has(id) && !ids.has(id))).toEqual([])
      // A torn end may be told as a loss where the other lane shows that a number was given; never of what was safe.
      const told = (await one.tell()).flatMap(({ seqs }) =>
        seqs.flatMap(({ boot: of, ranges }) =>
          ranges.flatMap(([from, to]) =>
            Array.from({ length: to - from + 1 }, (_, at) => idOf({ boot: of, seq: from + at })),
          ),
        ),
      )
      expect(told.filter((id) => safe.has(id) && !stored.has(id))).toEqual([])
      for (const [index, records] of sent.entries()) {
        const made = records.map((record) => emitted.get(idOf(record)))
        expect(made.map((of) => of?.lane)).toEqual(records.map(() => LANES[index]))
        expect(records.map(({ payload }) => Buffer.from(payload).toString())).toEqual(
          made.map((of) => of?.payload),
        )
        const order = made.map((of) => of?.order ?? -1)
        expect(order).toEqual(order.toSorted((a, b) => a - b))
        expect(new Set(order).size).toBe(order.length)
      }
    }),
    { numRuns: 300 },
  )
}, 60_000)

function bootOf(life: number): BootId {
  return BootId.parse(`0b8f6a52-6f0c-4b62-9d0f-${String(life).padStart(12, "0")}`)
}
