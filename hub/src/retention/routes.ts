import { BooError } from "@boocontrol/shared/errors"
import { pageOf } from "@boocontrol/shared/http"
import type { Page } from "@boocontrol/shared/http"
import { HostId } from "@boocontrol/shared/ids"
import {
  CompletenessQuery,
  CompletenessRow,
  CompletenessToday,
  DeadLetterRow,
  DeadLettersQuery,
  StorageReply,
} from "@boocontrol/shared/retention"
import { epochMsOf } from "@boocontrol/shared/time"
import type { FastifyPluginCallback } from "fastify"
import * as z from "zod/mini"
import type { Clock } from "../platform/clock.ts"
import { describeRoute, parseQuery } from "../platform/http.ts"
import type { Sql } from "../platform/postgres.ts"
import { DAY_MS } from "./core/partitions.ts"
import type { KeptTable } from "./core/tables.ts"
import type { FiguresPort, RetainSettings, Tier } from "./ports.ts"
import { completenessToday, dayText, listCompleteness } from "./store/completeness.ts"
import { listDeadLetters } from "./store/dead-letters.ts"
import { storageReply } from "./storage.ts"

export interface RetentionRoutesOptions {
  sql: Sql
  clock: Clock
  tables: readonly KeptTable[]
  tiers: readonly Tier[]
  retain: RetainSettings
  captureBudgetBytes: number
  figures: FiguresPort
  isInCharge(): boolean
}

const DAYS_SHOWN = 30

export function retentionRoutes(options: RetentionRoutesOptions): FastifyPluginCallback {
  const { sql, clock } = options
  return (app, _options, done) => {
    app.get(
      "/storage",
      describeRoute({
        summary: "Sizes, windows, lag, what waits, and the last runs of retention",
        tags: ["retention"],
        response: StorageReply,
      }),
      (): Promise<StorageReply> => storageReply(options),
    )
    app.get(
      "/dead-letters",
      describeRoute({
        summary: "Messages that could not be stored, newest first, without their payload",
        tags: ["retention"],
        querystring: DeadLettersQuery,
        response: pageOf(DeadLetterRow),
      }),
      async (request): Promise<Page<DeadLetterRow>> => {
        const { provider_id: host, limit, cursor } = parseQuery(DeadLettersQuery, request.query)
        const after = cursor === undefined ? null : readCursor(LetterEnd, cursor).id
        const rows = await listDeadLetters(sql, { host, after, limit: limit + 1 })
        return pageOfRows(rows, limit, ({ id }) => ({ id }))
      },
    )
    app.get(
      "/completeness",
      describeRoute({
        summary: "How much of each host's days is stored; without from and to of the last 30 days",
        tags: ["retention"],
        querystring: CompletenessQuery,
        response: pageOf(CompletenessRow),
      }),
      async (request): Promise<Page<CompletenessRow>> => {
        const query = parseQuery(CompletenessQuery, request.query)
        const toMs = query.to === undefined ? clock.now() : epochMsOf(query.to)
        const fromMs = query.from === undefined ? toMs - (DAYS_SHOWN - 1) * DAY_MS : epochMsOf(query.from)
        const rows = await listCompleteness(sql, {
          host: query.provider_id,
          from: dayText(fromMs),
          to: dayText(toMs),
          after: query.cursor === undefined ? null : readCursor(DayEnd, query.cursor),
          limit: query.limit + 1,
        })
        return pageOfRows(rows, query.limit, ({ provider_id, day }) => ({ provider_id, day }))
      },
    )
    app.get(
      "/completeness/today",
      describeRoute({
        summary: "How much of today is stored, all hosts together",
        tags: ["retention"],
        response: CompletenessToday,
      }),
      (): Promise<CompletenessToday> => completenessToday(sql, clock.now()),
    )
    done()
  }
}

const LetterEnd = z.object({ id: z.int() })
const DayEnd = z.object({ provider_id: HostId, day: z.iso.date() })

/** One row more than a page was asked for: it says whether there is a next one. */
function pageOfRows<T>(rows: T[], limit: number, endOf: (row: T) => object): Page<T> {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  if (last === undefined || rows.length <= limit) return { rows: page, next: null }
  return { rows: page, next: Buffer.from(JSON.stringify(endOf(last))).toString("base64url") }
}

/** Throws BAD_CURSOR for anything that `pageOfRows` did not make. */
function readCursor<S extends z.ZodMiniType>(end: S, cursor: string): z.output<S> {
  try {
    return end.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")))
  } catch (error) {
    throw new BooError("BAD_CURSOR", {}, error)
  }
}
