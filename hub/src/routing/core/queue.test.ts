import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { planQueue, turnMs } from "./queue.ts"
import type { Choice, Resident, Situation, Waiting } from "./queue.ts"

const LOAD = 20_000
const resident = (model: string, more: Partial<Resident> = {}): Resident => ({
  ...{ model, state: "ready", slots: 2, busy: 0, sinceMs: 0, freeInMs: 0, idleInMs: 0 },
  ...more,
})
const waits = (id: number, group: string, more: Partial<Waiting> = {}): Waiting => ({
  ...{ id, group, source: "people", sinceMs: 1_000_000 },
  ...more,
})

/** Hosts that hold one model each; every group is a model that any of them can load. */
function situation(
  holds: Record<string, Resident | null>,
  waiting: readonly Waiting[],
  more: Partial<Situation> = {},
): Situation {
  const hosts = new Map(Object.entries(holds).map(([id, one]) => [id, { id, residents: one ? [one] : [] }]))
  const choices = (group: string): Choice[] =>
    Object.entries(holds).map(([host, one]) => ({
      ...{ host, model: group, slots: 2, handicapMs: 0, loadMs: one?.model === group ? 0 : LOAD },
      evicts: one && one.model !== group ? [one.model] : [],
    }))
  return {
    ...{ nowMs: 1_000_000, waiting, hosts, choices, demand: () => 0, serviceMs: () => 8000 },
    ...{ given: () => 0, utilisation: 0, claims: [] },
    ...more,
  }
}

describe("the fleet queue", () => {
  it("gives a free slot of what is loaded at once, and loads nothing for it", () => {
    const plan = planQueue(situation({ a: resident("x"), b: resident("m") }, [waits(1, "m"), waits(2, "m")]))
    expect(plan.grants).toEqual([1, 2].map((id) => ({ id, host: "b", model: "m", isLoad: false })))
  })

  it("loads what nobody holds where least is lost, once for all who wait", () => {
    const demand = (model: string) => (model === "hot" ? 0.001 : 0)
    const plan = planQueue(
      situation({ a: resident("hot"), b: resident("cold") }, [waits(1, "m"), waits(2, "m")], { demand }),
    )
    expect(plan.grants).toEqual([
      { id: 1, host: "b", model: "m", isLoad: true },
      { id: 2, host: "b", model: "m", isLoad: false },
    ])
  })

  it("in a busy fleet first waits as long as the load costs others, and says when to ask again", () => {
    const busy = { demand: () => 0.001, utilisation: 0.6 }
    const plan = planQueue(situation({ a: resident("hot") }, [waits(1, "m")], busy))
    expect(plan.grants).toEqual([])
    expect(plan.againAtMs).toBeGreaterThan(1_000_000)
    expect(plan.againAtMs).toBeLessThanOrEqual(1_000_000 + 3 * LOAD)
    const later = planQueue(
      situation({ a: resident("hot") }, [waits(1, "m", { sinceMs: 1_000_000 - 3 * LOAD })], busy),
    )
    expect(later.grants).toMatchObject([{ id: 1, isLoad: true }])
  })

  it("takes a second host for those behind a full one only when it saves them much more than a load", () => {
    const full = resident("m", { busy: 2, freeInMs: 4000, idleInMs: 8000 })
    const crowd = Array.from({ length: 60 }, (_, id) => waits(id, "m"))
    expect(planQueue(situation({ a: full, b: resident("cold") }, crowd.slice(0, 3))).grants).toEqual([])
    expect(planQueue(situation({ a: full, b: resident("cold") }, crowd)).grants[0]).toMatchObject({
      host: "b",
      isLoad: true,
    })
  })

  it("claims a busy host after a turn, gives it nothing new of what must go, and loads when it is drained", () => {
    const turn = turnMs(LOAD, 0)
    const held = resident("x", { busy: 1, sinceMs: 1_000_000 - turn, idleInMs: 5000 })
    const waiting = [waits(1, "m", { sinceMs: 1_000_000 - turn }), waits(2, "x")]
    const first = planQueue(situation({ a: { ...held, busy: 2 } }, waiting))
    expect(first.claims).toEqual([{ host: "a", model: "m", evicts: ["x"], group: "m" }])
    const second = planQueue(situation({ a: held }, waiting, { claims: first.claims }))
    expect(second.grants).toEqual([])
    const third = planQueue(situation({ a: { ...held, busy: 0 } }, waiting, { claims: first.claims }))
    expect(third).toMatchObject({ grants: [{ id: 1, host: "a", model: "m", isLoad: true }], claims: [] })
  })

  it("keeps a model that others wait for in its place until its turn is over", () => {
    const held = resident("x", { busy: 2, sinceMs: 999_000 })
    const plan = planQueue(situation({ a: held }, [waits(1, "m", { sinceMs: 0 }), waits(2, "x")]))
    expect(plan.claims).toEqual([])
    expect(plan.againAtMs).toBe(999_000 + turnMs(LOAD, 0))
  })

  it("serves the source that was given least, but whoever has waited for a minute before all", () => {
    const one = { a: resident("m", { busy: 1 }) }
    const given = (source: string) => (source === "batch" ? 90_000 : 0)
    const list = [waits(1, "m", { source: "batch" }), waits(2, "m")]
    expect(planQueue(situation(one, list, { given })).grants).toMatchObject([{ id: 2 }])
    const old = [waits(1, "m", { source: "batch", sinceMs: 900_000 }), waits(2, "m")]
    expect(planQueue(situation(one, old, { given })).grants).toMatchObject([{ id: 1 }])
  })

  it("has longer turns the busier the fleet is, within bounds", () => {
    expect([0, 0.5, 0.8, 0.9, 1].map((share) => turnMs(1, share))).toEqual(
      [9, 9, 9, 15, 15].map((n) => expect.closeTo(n)),
    )
  })

  it("never gives more than there are slots, never twice, and never pushes out work in hand", () => {
    const models = fc.constantFrom("m", "x", "y")
    const state = fc.record({ model: models, busy: fc.integer({ min: 0, max: 2 }), loading: fc.boolean() })
    const asked = fc.record({
      group: models,
      source: fc.constantFrom("a", "b"),
      ageMs: fc.integer({ min: 0, max: 900_000 }),
    })
    fc.assert(
      fc.property(
        fc.array(fc.option(state), { minLength: 1, maxLength: 5 }),
        fc.array(asked, { maxLength: 30 }),
        (list, queue) => {
          const holds = Object.fromEntries(
            list.map((one, index) => [
              `h${index}`,
              one &&
                resident(one.model, {
                  busy: one.busy,
                  state: one.loading ? "loading" : "ready",
                  freeInMs: 1000,
                }),
            ]),
          )
          const waiting = queue
            .map(({ group, source, ageMs }, id) => waits(id, group, { source, sinceMs: 1_000_000 - ageMs }))
            .sort((a, b) => a.sinceMs - b.sinceMs)
          const { grants } = planQueue(situation(holds, waiting))
          expect(new Set(grants.map(({ id }) => id)).size).toBe(grants.length)
          for (const [host, held] of Object.entries(holds)) {
            const here = grants.filter((grant) => grant.host === host)
            const model = here[0]?.model
            if (model === undefined) continue
            expect(here.every((grant) => grant.model === model)).toBe(true)
            const isSwap = held?.model !== model
            const pushedOut = isSwap && held ? [held.busy, held.state] : [0, "ready"]
            expect(pushedOut).toEqual([0, "ready"])
            expect(here.length + (isSwap ? 0 : (held?.busy ?? 0))).toBeLessThanOrEqual(2)
            expect(here.filter(({ isLoad }) => isLoad).length).toBe(isSwap ? 1 : 0)
          }
        },
      ),
    )
  })
})
