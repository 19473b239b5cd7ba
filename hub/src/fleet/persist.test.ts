import { expect, it, vi } from "vitest"
import type { FleetDeltaFrame } from "@boocontrol/shared/frames"
import { HubId } from "@boocontrol/shared/ids"
import { manualClock } from "../platform/clock-manual.ts"
import { silentLog } from "../platform/log.ts"
import { NOON, hostId, hostRow, uuid } from "../../test/example-host.ts"
import { createBoard } from "./board.ts"
import { createPersist } from "./persist.ts"
import type { LastKnownStore } from "./store/last-known.ts"

function persisting(hosts: number) {
  const clock = manualClock(NOON)
  const written: string[][] = []
  let fails = false
  const store: Pick<LastKnownStore, "saveStates" | "saveModels" | "forget"> = {
    saveStates: async (states) => {
      if (fails) throw new Error("Postgres is away")
      written.push(states.map(({ shown }) => shown.provider_id))
    },
    saveModels: async () => undefined,
    forget: async () => undefined,
  }
  const board = createBoard({ hubId: HubId.parse(uuid(7)), firstSeq: 1, onDelta: () => undefined })
  const registry = { seen: async () => undefined }
  const persist = createPersist({ board, store, registry, clock, log: silentLog })
  const ids = Array.from({ length: hosts }, (_, n) => `h${String(n).padStart(3, "0")}`)
  for (const id of ids) board.add({ row: hostRow(id), prefs: new Map(), last: null }, NOON)
  persist.start()
  const changed = (id: string, patch: FleetDeltaFrame["patch"]): void => {
    const delta = { type: "control_fleet" as const, kind: "delta" as const, provider_id: hostId(id), seq: 1 }
    persist.changed({ ...delta, at: hostRow(id).created_at, patch })
  }
  return { clock, written, ids, changed, persist, fail: (now: boolean) => (fails = now) }
}

it("writes what changed of many hosts in parts, so that nobody who speaks meanwhile waits for all of them", async () => {
  const { clock, written, ids, changed } = persisting(120)
  for (const id of ids) changed(id, { liveness: "connected" })
  clock.advance(3_000)
  await vi.waitFor(() => expect(written.flat()).toEqual(ids))
  expect(Math.max(...written.map((part) => part.length))).toBeLessThanOrEqual(50)
})

it("does not write a host again whose rates, samples or requests in flight alone changed", async () => {
  const { clock, written, changed, persist } = persisting(2)
  const rates = { requests_per_min: 1, errors_per_min: 0, swaps_1h: 0, swap_ms_1h: 0 }
  changed("h000", { rates })
  changed("h000", { inflight: null, inflight_total: 2 })
  changed("h001", { rates, liveness: "down" })
  clock.advance(3_000)
  await persist.stop()
  expect(written).toEqual([["h001"]])
})

it("writes everything once Postgres is back", async () => {
  const { clock, written, ids, changed, persist, fail } = persisting(70)
  for (const id of ids) changed(id, { liveness: "connected" })
  fail(true)
  clock.advance(3_000)
  fail(false)
  await persist.stop()
  expect(written.flat().sort()).toEqual(ids)
})
