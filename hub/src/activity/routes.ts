import { ActivityRow, ActivityStats } from "@boocontrol/shared/activity"
import { ActivityFilters, ActivityQuery, pageOf } from "@boocontrol/shared/http"
import type { Page } from "@boocontrol/shared/http"
import { instantOf } from "@boocontrol/shared/time"
import type { FastifyPluginCallback } from "fastify"
import type { Clock } from "../platform/clock.ts"
import { describeRoute, parseQuery } from "../platform/http.ts"
import type { Sql } from "../platform/postgres.ts"
import { csvOf } from "./csv.ts"
import { cursorOf, readCursor } from "./cursor.ts"
import { exportRequests, lastDay, listRequests } from "./store/read.ts"
import { requestStats } from "./store/stats.ts"
import { ROW_COLUMNS } from "./store/write.ts"

const DAY_MS = 24 * 3_600_000

export function activityRoutes({ sql, clock }: { sql: Sql; clock: Clock }): FastifyPluginCallback {
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
          "Requests, tokens and speed per host, source and model; without from and to of the last 24 hours",
        tags: ["activity"],
        querystring: ActivityFilters,
        response: ActivityStats,
      }),
      async (request): Promise<ActivityStats> => {
        const now = clock.now()
        const given = parseQuery(ActivityFilters, request.query)
        const filters = lastDay(given, instantOf(now), instantOf(now - DAY_MS))
        return { from: filters.from, to: filters.to, rows: await requestStats(sql, filters) }
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
        const name = `boocontrol-activity-${instantOf(clock.now()).slice(0, 10)}.csv`
        return reply
          .header("content-type", "text/csv; charset=utf-8")
          .header("content-disposition", `attachment; filename="${name}"`)
          .send(csvOf(exportRequests(sql, filters), ROW_COLUMNS))
      },
    )
    done()
  }
}
