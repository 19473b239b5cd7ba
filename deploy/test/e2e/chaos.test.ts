import { expect, it } from "vitest"
import { runChaos } from "../../perf/chaos/run.ts"

// One of each of the main faults, over so many hosts that they lie side by side. `pnpm chaos` is the long form.
const ONLY =
  "hub-kill,hub-failover,nats-kill,postgres-kill,sidecar-kill,net-cut,clock-hour,swap-restart,stream-replay"

it("loses nothing and doubles nothing while everything is broken once", async () => {
  const { verdict } = await runChaos({
    ...{ hosts: 5, rounds: 1, minutes: 0.3, seed: 7, only: ONLY.split(","), hubs: 2 },
    ...{ freezeMs: 3_000, longestCutMs: 8_000, settleMs: 90_000, keep: false },
  })
  expect(verdict.rows.emitted.length).toBeGreaterThan(50)
  expect(verdict.rows.lost).toEqual([])
  expect([...verdict.rows.doubled, ...verdict.rows.invented]).toEqual([])
  expect(verdict.samples).toMatchObject({ lost: [], doubled: [] })
  expect(verdict.notesLost).toEqual([])
  expect(verdict.deadLetters).toEqual([])
}, 240_000)
