import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { HostId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import type { TestDatabase } from "../../../deploy/test/services/postgres.ts"
import { silentLog } from "../platform/log.ts"
import { migrate } from "../platform/migrate.ts"
import { connectPostgres } from "../platform/postgres.ts"
import type { Sql } from "../platform/postgres.ts"
import { samplesOf } from "../telemetry/core/fold.ts"
import { rollUpAll } from "../telemetry/run.ts"
import { perfMessage, sample } from "../telemetry/samples-for-tests.ts"
import { packHour } from "../telemetry/store/packing.ts"
import { storeSamples } from "../telemetry/store/samples.ts"
import { packedTier } from "../telemetry/core/packing/tables.ts"

const MAIN = join(import.meta.dirname, "../main.ts")
const START_MS = Date.UTC(2026, 10, 22, 8)
const SAMPLES = 2_500

let database: TestDatabase
let sql: Sql
beforeAll(async () => {
  database = await testDatabase("export")
  sql = connectPostgres(database.url, { log: silentLog })
  await migrate(sql, { log: silentLog })
  const start = instantOf(START_MS)
  for (const host of ["a", "b"]) {
    await sql`
      insert into control_requests (id, provider_id, swap_epoch, swap_entry_id, ts, model, token_basis, error)
      select gen_random_uuid(), ${host}, gen_random_uuid(), n, ${start}::timestamptz + n * interval '1 second', 'm',
        'unknown', '=cmd()' from generate_series(0, 1499) n`
    await sql`
      insert into control_model_events (provider_id, model, state, ts, detail)
      values (${host}, 'm', 'ready', ${start}, '{"why": "a, \\"b\\""}')`
  }
  // One host as ingest stores it, with its averages, so that its hour can be packed; one with plain rows.
  const said = Array.from({ length: SAMPLES }, (_, n) => sample(START_MS + n * 1_000))
  const later = START_MS + 6 * 3_600_000
  await storeSamples(sql, samplesOf([perfMessage(said, { host: "a" })]), later)
  await rollUpAll(sql, later)
  await sql`
    insert into control_perf_samples (provider_id, ts, gpu, sys, source, boot, seq)
    select 'b', ${instantOf(START_MS)}::timestamptz + n * interval '1 second', null, jsonb_build_object('cpu', n), 'nvidia-smi',
      gen_random_uuid(), n from generate_series(0, ${SAMPLES - 1}) n`
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

const folder = () => mkdtempSync(join(inject("testFolder"), "export-"))

function hub(args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { DATABASE_URL: database.url, NATS_URL: "nats://127.0.0.1:1", BOO_DATA_DIR: folder() }
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, "export", ...args], { env, timeout: 20_000 }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    )
  })
}
const lines = (file: string) => readFileSync(file, "utf8").trimEnd().split("\n")
const range = ["--from", "2026-11-22", "--to", "2026-11-23T00:00:00Z"]

describe("export", () => {
  it("writes every row of a range, packed ones too, in files for their owner", async () => {
    const tier = packedTier("raw")
    if (!tier) throw new Error("no such tier")
    const out = folder()
    const before = await hub(["--out", out, ...range, "--what", "perf-raw", "--format", "ndjson"])
    expect(before.err).toBe("")
    const samples = lines(join(out, "perf-raw.ndjson"))
    expect(samples).toHaveLength(2 * SAMPLES)
    const hour = { provider_id: HostId.parse("a"), hour: instantOf(START_MS), afterMs: 0 }
    expect(await packHour(sql, tier, hour)).toBe("packed")
    const again = folder()
    expect((await hub(["--out", again, ...range, "--format", "ndjson"])).code).toBe(0)
    expect(lines(join(again, "perf-raw.ndjson"))).toEqual(samples)
    expect(lines(join(again, "activity.ndjson"))).toHaveLength(3_000)
    expect(lines(join(again, "perf-1h.ndjson"))).toHaveLength(1)
    expect(lines(join(again, "perf-5m.ndjson"))).toHaveLength(Math.ceil(SAMPLES / 300))
    expect(statSync(join(again, "activity.ndjson")).mode & 0o777).toBe(0o600)
    expect(readdirSync(again).some((file) => file.endsWith(".part"))).toBe(false)
  }, 30_000)

  it("takes hosts and times as they are asked for, as CSV that no spreadsheet runs", async () => {
    const out = folder()
    const some = ["--from", "2026-11-22T08:00:10Z", "--to", "2026-11-22T08:00:20Z", "--host", "b"]
    const ended = await hub(["--out", out, ...some, "--what", "activity,perf-raw"])
    expect(ended.out).toBe(`${join(out, "activity.csv")}\t10 rows\n${join(out, "perf-raw.csv")}\t10 rows\n`)
    const [head, first] = lines(join(out, "perf-raw.csv"))
    expect(head).toBe("provider_id,ts,source,backfilled,gpu,sys")
    expect(first).toBe('b,2026-11-22T08:00:10.000Z,nvidia-smi,false,,"{""cpu"":10}"')
    expect(readFileSync(join(out, "activity.csv"), "utf8")).toContain(",'=cmd(),")
    expect(await hub(["--out", out, ...some, "--what", "activity"])).toMatchObject({
      ...{ code: 1, err: `${join(out, "activity.csv")} is there already: give another --out\n` },
    })
  })

  it("makes a folder that is missing with those above it, and says of one that cannot be made why", async () => {
    const out = join(folder(), "new", "newer")
    expect(await hub(["--out", out, ...range, "--what", "model-events"])).toMatchObject({ code: 0, err: "" })
    expect(readdirSync(out)).toEqual(["model-events.csv"])
    for (const never of ["/proc/1/x", join(out, "model-events.csv", "x")]) {
      const ended = await hub(["--out", never, ...range])
      expect(ended).toMatchObject({ code: 1, out: "" })
      expect(ended.err).toMatch(/^--out \S+ cannot be made: E[A-Z]+: .*\n$/)
    }
  }, 30_000)

  it("writes what happened to models with its details", async () => {
    const out = folder()
    await hub(["--out", out, ...range, "--what", "model-events", "--format", "ndjson"])
    expect(lines(join(out, "model-events.ndjson")).map((line) => JSON.parse(line) as unknown)).toContainEqual(
      {
        ...{
          provider_id: "a",
          model: "m",
          state: "ready",
          ts: instantOf(START_MS),
          detail: { why: 'a, "b"' },
        },
      },
    )
  })
})
