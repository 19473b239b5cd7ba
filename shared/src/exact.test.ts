import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as z from "zod/mini"
import { ENVELOPES } from "./envelope.ts"
import { exactly } from "./exact.ts"
import { EVENT_KINDS } from "./subjects.ts"

const recorded = (kind: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/v1/${kind}.json`, import.meta.url), "utf8"))

describe("the quick look", () => {
  it.each(EVENT_KINDS)("passes a recorded %s", (kind) => {
    expect(exactly(ENVELOPES[kind])(recorded(kind))).toBe(true)
  })

  it.each(EVENT_KINDS)("passes no %s that its schema would refuse or change", (kind) => {
    const schema = ENVELOPES[kind]
    const looks = exactly(schema)
    fc.assert(
      fc.property(fc.nat(), fc.nat(), odd, (place, how, value) => {
        const changed = damaged(recorded(kind), { place, how, value })
        if (!looks(changed)) return
        const parsed = schema.safeParse(changed)
        expect(parsed.success).toBe(true)
        expect(parsed.data).toEqual(changed)
      }),
      { numRuns: 400 },
    )
  })

  const cases: [string, z.core.$ZodType, unknown, boolean][] = [
    ["a key that is missing", z.object({ a: z.string(), b: z.string() }), { a: "x" }, false],
    ["a key nobody knows", z.object({ a: z.string() }), { a: "x", b: 1 }, false],
    ["another key in place of one", z.object({ a: z.unknown() }), { b: 1 }, false],
    ["an optional key that is there", z.object({ a: z.optional(z.int()) }), { a: 1 }, true],
    ["an optional key that is not", z.object({ a: z.optional(z.int()) }), {}, true],
    [
      "a key with a default that is there",
      z.object({ a: z._default(z.nullable(z.int()), 1) }),
      { a: null },
      true,
    ],
    ["a key with a default that is not", z.object({ a: z._default(z.int(), 1) }), {}, false],
    ["a default that would be filled in", z._default(z.unknown(), 1), undefined, false],
    [
      "a key with a default that its schema refuses",
      z.object({ a: z._default(z.int(), 1) }),
      { a: "x" },
      false,
    ],
    ["a list in place of an object", z.object({}), [], false],
    ["an infinite number", z.number(), Number.POSITIVE_INFINITY, false],
    ["a number below its bound", z.int().check(z.positive()), 0, false],
    ["a list that is too long", z.array(z.int()).check(z.maxLength(1)), [1, 2], false],
    ["a text that is too short", z.string().check(z.minLength(1)), "", false],
    ["a record with a wrong value", z.record(z.string(), z.int()), { a: "x" }, false],
    ["a record", z.record(z.string(), z.int()), { a: 1 }, true],
    ["a kind of schema it does not know", z.date(), new Date(0), false],
  ]
  it.each(cases)("decides on %s", (_, schema, value, passes) => {
    expect(exactly(schema)(value)).toBe(passes)
  })
})

const odd = fc.oneof(
  fc.constantFrom(null, 0, -1, 0.5, 1e300, "", "x", true, [], {}),
  fc.jsonValue(),
  fc.constant(undefined),
)

interface Damage {
  place: number
  how: number
  value: unknown
}

/** A copy with one place of it changed, removed, or given a key more. */
function damaged(value: unknown, { place, how, value: odd }: Damage): unknown {
  const copy = { root: structuredClone(value) }
  const places = placesIn(copy)
  const { parent, key } = places[place % places.length] ?? { parent: copy, key: "root" }
  const holder = parent as Record<string, unknown>
  if (how % 3 === 0) holder[key] = odd
  else if (how % 3 === 1 && !Array.isArray(parent)) delete holder[key]
  else holder[`${key}_more`] = odd
  // As it would come: JSON.
  return JSON.parse(JSON.stringify(copy)).root as unknown
}

function placesIn(parent: object): { parent: object; key: string }[] {
  return Object.entries(parent).flatMap(([key, value]) => [
    { parent, key },
    ...(typeof value === "object" && value !== null ? placesIn(value) : []),
  ])
}
