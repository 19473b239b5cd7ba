import { BooError } from "@boocontrol/shared/errors"
import { PerfQuery } from "@boocontrol/shared/http"
import { PerfReply } from "@boocontrol/shared/telemetry"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import type { FastifyPluginCallback } from "fastify"
import type { Clock } from "../platform/clock.ts"
import { describeRoute, parseQuery } from "../platform/http.ts"
import type { Sql } from "../platform/postgres.ts"
import { SeriesInTheMaking } from "./core/series.ts"
import { backfilledSpans, missingSpans } from "./core/spans.ts"
import type { Span } from "./core/spans.ts"
import { bucketsOfSamples } from "./core/tail.ts"
import { ROLLUPS, chooseResolution, widthOf } from "./core/tiers.ts"
import type { RetainDays } from "./core/tiers.ts"
import { readEach, readReadings } from "./store/read.ts"
import type { ReadingsWanted } from "./store/read.ts"

export interface PerfOptions {
  sql: Sql
  clock: Clock
  retainDays: RetainDays
}

const HOUR_MS = 3_600_000

export function telemetryRoutes(options: PerfOptions): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get(
      "/perf",
      describeRoute({
        summary: "GPU and system history of one host; without from and to of the last hour",
        tags: ["telemetry"],
        querystring: PerfQuery,
        response: PerfReply,
      }),
      async (request, reply) =>
        reply.type("application/json").send(await perfOf(parseQuery(PerfQuery, request.query), options)),
    )
    done()
  }
}

// Samples travel in messages of five seconds; a bucket is computed up to fifteen after it ended.
const TRAVEL_MS = 10_000
const ROLLUP_MS = 20_000
// Three samples late, at one a second, is a hiccup; a tier has no hiccups.
const RAW_TOLERANCE_MS = 3_000

async function perfOf(query: PerfQuery, { sql, clock, retainDays }: PerfOptions): Promise<Buffer> {
  const nowMs = clock.now()
  const toMs = query.to === undefined ? nowMs : epochMsOf(query.to)
  const fromMs = query.from === undefined ? toMs - HOUR_MS : epochMsOf(query.from)
  if (fromMs >= toMs)
    throw new BooError("BAD_REQUEST", { where: "query parameter from", problem: "it must be before to" })
  const { tier, stepMs } = chooseResolution({ fromMs, toMs, nowMs, points: query.points, retainDays })
  const wanted = { host: query.provider_id, tier, fromMs, toMs }
  // A bucket that began before the range reaches into it.
  const series = new SeriesInTheMaking({ fromMs: fromMs - widthOf(tier), toMs, stepMs })
  await readEach(sql, wanted, (reading) => series.add(reading))
  await addTail(sql, wanted, { series, nowMs })
  const isRaw = tier === "raw"
  const toleranceMs = isRaw ? RAW_TOLERANCE_MS : 0
  const settledMs = nowMs - TRAVEL_MS - (isRaw ? 0 : widthOf(tier) + ROLLUP_MS)
  const covered = series.covered()
  const missing = missingSpans(covered, { fromMs, toMs, settledMs, toleranceMs })
  const answer = series.answer(
    {
      provider_id: query.provider_id,
      tier,
      step_s: stepMs / 1_000,
      from: instantOf(fromMs),
      to: instantOf(toMs),
      missing: missing.map(spanOf),
      backfilled: backfilledSpans(covered, toleranceMs).map(spanOf),
    },
    missing,
  )
  return Buffer.from(answer.buffer)
}

// Longer than it takes until a bucket of the finest tier is there.
const TAIL_MS = 60_000

/** Of the finest tier the newest buckets are not computed yet: what they will hold is taken from samples. */
async function addTail(
  sql: Sql,
  wanted: ReadingsWanted,
  { series, nowMs }: { series: SeriesInTheMaking; nowMs: number },
): Promise<void> {
  const [finest] = ROLLUPS
  if (wanted.tier !== finest.tier || wanted.toMs <= nowMs - TAIL_MS) return
  const fromMs = Math.max(wanted.fromMs, series.covered().at(-1)?.endMs ?? 0, nowMs - TAIL_MS)
  const samples = await readReadings(sql, { ...wanted, tier: "raw", fromMs })
  for (const reading of bucketsOfSamples(samples, finest.widthMs)) series.add(reading)
}

function spanOf({ fromMs, toMs }: Span): PerfReply["missing"][number] {
  return { from: instantOf(fromMs), to: instantOf(toMs) }
}
