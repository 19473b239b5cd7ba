import {
  ActivityAttribution,
  ActivityRow,
  ActivityStats,
  ActivityStatsRow,
} from "@boocontrol/shared/activity"
import { ActivityFilters, ActivityQuery, pageOf } from "@boocontrol/shared/http"
import type { Page } from "@boocontrol/shared/http"
import { instantOf } from "@boocontrol/shared/time"
import type { FastifyPluginCallback } from "fastify"
import type { Clock } from "../platform/clock.ts"
import { describeRoute, parseQuery } from "../platform/http.ts"
import type { Sql } from "../platform/postgres.ts"
import { attributionOf, unattributedOf, withCost } from "./costs.ts"
import { csvOf } from "./csv.ts"
import { cursorOf, readCursor } from "./cursor.ts"
import type { TokenPricesPort } from "./ports.ts"
import { attributionCounts } from "./store/attribution.ts"
import { exportRequests, lastDay, listRequests } from "./store/read.ts"
import { requestStats } from "./store/stats.ts"
import { ROW_COLUMNS } from "./store/write.ts"

const STATS_COLUMNS = Object.keys(ActivityStatsRow.shape) as (keyof ActivityStatsRow)[]
const DAY_MS = 24 * 3_600_000

async function* pagesOf<Row>(rows: readonly Row[]): AsyncGenerator<readonly Row[]> {
  yield rows
}

interface RouteParts {
  sql: Sql
  clock: Clock
  prices: TokenPricesPort
}

export function activityRoutes({ sql, clock, prices }: RouteParts): FastifyPluginCallback {
  const ofLastDay = (given: ActivityFilters) => {
    const now = clock.now()
    return lastDay(given, instantOf(now), instantOf(now - DAY_MS))
  }
  const statsOf = async (given: ActivityFilters): Promise<ActivityStats> => {
    const filters = ofLastDay(given)
    const rows = await requestStats(sql, filters)
    return {
      ...{ from: filters.from, to: filters.to, unattributed: unattributedOf(rows) },
      rows: rows.map((row) => withCost(row, prices)),
    }
  }
  const attachment = (what: string): string =>
    `attachment; filename="boocontrol-${what}-${instantOf(clock.now()).slice(0, 10)}.csv"`
  return (app, _options, done) => {
    app.get(
      "/activity",
      describeRoute({
        summary: "Finished requests, newest first",
        tags: ["activity"],
        querystring: ActivityQuery,
        response: pageOf(ActivityRow),
      }),
      async (request): Promise<Page<ActivityRow>> => {
        const { limit, cursor, ...filters } = parseQuery(ActivityQuery, request.query)
        const after = cursor === undefined ? null : readCursor(cursor)
        // One more than asked says whether there is a next page.
        const rows = await listRequests(sql, { filters, after, limit: limit + 1 })
        const page = rows.slice(0, limit)
        const last = page.at(-1)
        return { rows: page, next: last && rows.length > limit ? cursorOf(last) : null }
      },
    )

    app.get(
      "/activity/stats",
      describeRoute({
        summary:
          "Requests, tokens, speed, energy and cost per host, source and model; without from and to of the last 24 hours",
        tags: ["activity"],
        querystring: ActivityFilters,
        response: ActivityStats,
      }),
      async (request): Promise<ActivityStats> => statsOf(parseQuery(ActivityFilters, request.query)),
    )

    app.get(
      "/activity/attribution",
      describeRoute({
        summary:
          "How the callers of requests were found, and of how many nobody is known; without from and to of the last 24 hours",
        tags: ["activity"],
        querystring: ActivityFilters,
        response: ActivityAttribution,
      }),
      async (request): Promise<ActivityAttribution> => {
        const filters = ofLastDay(parseQuery(ActivityFilters, request.query))
        return {
          ...{ from: filters.from, to: filters.to },
          ...attributionOf(await attributionCounts(sql, filters)),
        }
      },
    )

    app.get(
      "/activity/stats.csv",
      describeRoute({
        summary: "The same figures as CSV, the busiest first",
        tags: ["activity"],
        querystring: ActivityFilters,
      }),
      async (request, reply) => {
        const { rows } = await statsOf(parseQuery(ActivityFilters, request.query))
        return reply
          .header("content-type", "text/csv; charset=utf-8")
          .header("content-disposition", attachment("sources"))
          .send(csvOf(pagesOf(rows), STATS_COLUMNS))
      },
    )

    app.get(
      "/activity/export.csv",
      describeRoute({
        summary: "All matching requests as CSV, newest first",
        tags: ["activity"],
        querystring: ActivityFilters,
      }),
      async (request, reply) => {
        const filters = parseQuery(ActivityFilters, request.query)
        return reply
          .header("content-type", "text/csv; charset=utf-8")
          .header("content-disposition", attachment("activity"))
          .send(csvOf(exportRequests(sql, filters), ROW_COLUMNS))
      },
    )
    done()
  }
}
