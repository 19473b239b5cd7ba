import { expect, it } from "vitest"
import { RoutePolicy } from "@boocontrol/shared/route-policy"
import { instantOf } from "@boocontrol/shared/time"
import { silentLog } from "../platform/log.ts"
import type { Sql } from "../platform/postgres.ts"
import { createCatalogue } from "./catalogue.ts"
import type { StoredPolicy } from "./store/policies.ts"

const policyAt = (version: number, host: string): StoredPolicy => {
  const policy = RoutePolicy.parse({
    name: "mine",
    rules: [{ candidates: [{ hosts: [host] }], order: "fast" }],
  })
  const row = {
    name: "mine",
    version,
    policy,
    builtin: false,
    created_at: instantOf(version),
    created_by: null,
  }
  return { name: "mine", version, row, problem: null }
}

/** A catalogue whose readings end when a test says so, with what it says. */
function stage() {
  const readings: ((stored: StoredPolicy[]) => void)[] = []
  let changes = 0
  const catalogue = createCatalogue({
    sql: { listen: () => Promise.resolve({ unlisten: () => Promise.resolve() }) } as unknown as Sql,
    log: silentLog,
    policies: {
      newest: () => new Promise((resolve) => readings.push(resolve)),
      history: () => Promise.resolve([]),
      save: () => Promise.resolve(null),
    },
    targets: { all: () => Promise.resolve([]) } as never,
    changed: () => void (changes += 1),
  })
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return { catalogue, readings, turn, changes: () => changes }
}

it("has what was saved in force at once, and not what was being read before it", async () => {
  const { catalogue, readings, turn, changes } = stage()
  const loading = catalogue.load()
  catalogue.saved(policyAt(2, "b"))
  expect([catalogue.row("mine")?.version, catalogue.policies.get("mine")?.version, changes()]).toEqual([
    2, 2, 1,
  ])
  readings.shift()?.([policyAt(1, "a")])
  await turn()
  expect(catalogue.row("mine")?.version).toBe(2)
  readings.shift()?.([policyAt(2, "b")])
  await loading
  expect(catalogue.policies.get("mine")?.version).toBe(2)
})

it("does not go back to what it saved itself once a later version was read", async () => {
  const { catalogue, readings } = stage()
  const loading = catalogue.load()
  readings.shift()?.([policyAt(3, "c")])
  await loading
  catalogue.saved(policyAt(2, "b"))
  expect(catalogue.row("mine")?.version).toBe(3)
})

it("takes a policy away that was saved as gone", () => {
  const { catalogue } = stage()
  catalogue.saved(policyAt(1, "a"))
  catalogue.saved({ name: "mine", version: 2, row: null, problem: null })
  expect([catalogue.row("mine"), catalogue.versionOf("mine"), catalogue.policies.has("mine")]).toEqual([
    null,
    2,
    false,
  ])
})
