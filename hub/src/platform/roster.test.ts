import fc from "fast-check"
import { expect, it } from "vitest"
import { NOWHERE, Roster } from "./roster.ts"

it("holds whom a set would hold, whoever comes and goes", () => {
  const steps = fc.array(fc.record({ who: fc.nat({ max: 9 }), comes: fc.boolean() }), { maxLength: 60 })
  fc.assert(
    fc.property(steps, (all) => {
      const people = Array.from({ length: 10 }, (_, name) => ({ name, seat: NOWHERE }))
      const roster = new Roster<(typeof people)[number]>()
      const set = new Set<(typeof people)[number]>()
      for (const { who, comes } of all) {
        const one = people[who]
        if (one === undefined) continue
        const wasThere = set.has(one)
        if (comes && !wasThere) roster.add(one)
        const wasRemoved = !comes && roster.remove(one)
        if (comes) set.add(one)
        else set.delete(one)
        expect(wasRemoved).toBe(!comes && wasThere)
        expect(roster.size).toBe(set.size)
        expect(new Set(roster.now())).toEqual(set)
      }
    }),
  )
})
