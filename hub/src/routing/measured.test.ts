import { describe, expect, it, onTestFinished } from "vitest"
import { instantOf } from "@boocontrol/shared/time"
import type { ModelState } from "@boocontrol/shared/models"
import { RequestId } from "@boocontrol/shared/ids"
import type { FleetHost } from "@boocontrol/shared/fleet"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { hostRow, model, uuid } from "../../test/example-host.ts"
import { newHost } from "../fleet/new-host.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import { createLiveView } from "./live-view.ts"
import { createMeasured } from "./measured.ts"
import { unloadsSince } from "./store/unloads.ts"

const hostAt = (state: ModelState, sinceMs: number | null): FleetHost => {
  const { shown } = newHost({ row: hostRow("box"), prefs: new Map(), last: null, seq: 1 }, 0)
  const since = sinceMs === null ? null : instantOf(sinceMs)
  return {
    ...shown,
    models: [{ ...model("m", state, { state_since: since }), favorite: false, hidden: false }],
  }
}

it("learns from each row once, though it is told again when its caller is known", () => {
  const measured = createMeasured()
  const row = (n: number, gen_tps: number) => ({
    ...{
      id: RequestId.parse(uuid(n)),
      model: "m",
      gen_tps,
      output_tokens: 100,
      prompt_tps: null,
      uncached_tokens: null,
    },
  })
  measured.rows("box", [row(1, 10)])
  measured.rows("box", [row(2, 20), row(2, 20)])
  measured.rows("box", [row(2, 20)])
  expect(measured.genTps("box", "m")?.value).toBeCloseTo(11.5)
  for (let n = 3; n < 20_000; n += 1) measured.rows("box", [row(n, 20)])
  expect(measured.genTps("box", "m")?.value).toBeCloseTo(20)
})

describe("how long a model takes to leave its memory", () => {
  it("is what its host says, from stopping to whatever follows, and not known before", () => {
    const measured = createMeasured()
    measured.sampled([hostAt("stopping", 1_000)])
    measured.sampled([hostAt("stopping", 1_000)])
    expect(measured.unloadMs("box", "m")).toBeNull()
    measured.sampled([hostAt("stopped", 5_000)])
    measured.sampled([hostAt("stopped", 5_000)])
    expect(measured.unloadMs("box", "m")).toEqual({ value: 4_000, basis: "measured" })
  })

  it.each([
    ["whose end nobody timed", null],
    ["that ended before it began, by a clock that was set", 500],
  ])("is not made of one %s", (_what, endMs) => {
    const measured = createMeasured()
    measured.sampled([hostAt("stopping", 1_000)])
    measured.sampled([hostAt("starting", endMs)])
    measured.sampled([hostAt("ready", 9_000)])
    expect(measured.unloadMs("box", "m")).toBeNull()
  })

  it("is part of what a load costs that pushes others out, as long as the slowest of them takes", () => {
    const measured = createMeasured()
    const shown = (id: string, state: ModelState) => ({
      ...{ ...model(id, state, { load_ms_typical: 20_000 }), favorite: false, hidden: false },
    })
    const host = hostAt("ready", 0)
    const models = [shown("m", "stopped"), shown("quick", "ready"), shown("slow", "ready")]
    const live = createLiveView({
      ...{ measured, leases: { leaseOf: () => null }, scores: { quality: () => null }, targets: () => [] },
      ...{ policies: () => [], isOwn: () => false },
      fleet: { hosts: () => [{ ...host, models }] },
    })
    // Side by side is how they were seen: neither of the two makes room for the other.
    const loadOf = () => {
      live.stale()
      return live.current().view.hosts[0]?.models.find(({ id }) => id === "m")?.load
    }
    expect(loadOf()).toEqual({ value: 21_500, basis: "prior" })
    measured.unloaded("box", "quick", 900)
    measured.unloaded("box", "slow", 6_000)
    expect(loadOf()).toEqual({ value: 26_000, basis: "measured" })
  })

  it("is read from history too, but for what was never heard to end", async () => {
    const { url } = await testDatabase("unloads")
    const sql = connectPostgres(url, { log: silentLog })
    onTestFinished(() => sql.end())
    await migrate(sql, { log: silentLog })
    const changes = [
      ["box", "m", "ready", 0],
      ["box", "m", "stopping", 10_000],
      ["box", "other", "starting", 10_500],
      ["box", "m", "stopped", 12_500],
      ["box", "m", "stopping", 20_000],
      ["box", "m", "stopped", 400_000],
      ["box", "*", "stopping", 30_000],
      ["box", "*", "note", 31_000],
    ] as const
    for (const [host, model, state, ms] of changes)
      await sql`
        insert into control_model_events (provider_id, model, state, ts)
        values (${host}, ${model}, ${state}, ${instantOf(ms)})`
    expect(await unloadsSince(sql, 0, 100)).toEqual([{ host: "box", model: "m", ms: 2_500 }])
    expect(await unloadsSince(sql, 11_000, 100)).toEqual([])
  })
})
