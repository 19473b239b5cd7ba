import type { FastifyInstance } from "fastify"
import * as z from "zod/mini"
import { BooError } from "@boocontrol/shared/errors"
import type { LogFrame } from "@boocontrol/shared/frames"
import { LogsQuery } from "@boocontrol/shared/http"
import { HostId } from "@boocontrol/shared/ids"
import { LogTail } from "@boocontrol/shared/logs"
import type { LogBatch, LogData } from "@boocontrol/shared/logs"
import type { Instant } from "@boocontrol/shared/time"
import { describeRoute, parseParams, parseQuery } from "../platform/http.ts"
import { EMPTY_RING, batchesOf, keepLines, tailOf } from "./ring.ts"
import type { LogRing } from "./ring.ts"
import type { KnownHostsPort } from "./ports.ts"

export interface Logs {
  routes: (app: FastifyInstance) => Promise<void>
  /** Keeps a batch for late joiners and gives it as a frame. */
  keep(host: HostId, data: LogData, at: Instant): LogFrame
  forget(host: HostId): void
  /** The tail that a topic `log:<host>` names. */
  replay(topic: string): LogFrame[]
}

const LogParams = z.object({ id: HostId })

/** Log lines are relayed and never stored: the last of each host are kept in memory. */
export function createLogs(hosts: KnownHostsPort): Logs {
  const rings = new Map<string, LogRing>()
  const frameOf = (host: HostId, batch: LogBatch): LogFrame => ({
    type: "control_log",
    provider_id: host,
    ...batch,
  })

  return {
    keep(host, data, at) {
      const batch = { ...data, at }
      rings.set(host, keepLines(rings.get(host) ?? EMPTY_RING, batch))
      return frameOf(host, batch)
    },
    forget: (host) => void rings.delete(host),
    replay(topic) {
      const host = HostId.safeParse(/^log:(.+)$/.exec(topic)?.[1])
      if (!host.success) return []
      return batchesOf(rings.get(host.data) ?? EMPTY_RING).map((batch) => frameOf(host.data, batch))
    },
    async routes(app) {
      app.get(
        "/hosts/:id/logs",
        describeRoute({
          summary: "The last log lines of a host, as long as this hub has heard it",
          ...{ tags: ["logs"], params: LogParams, querystring: LogsQuery, response: LogTail },
        }),
        async (request) => {
          const { id } = parseParams(LogParams, request.params)
          const query = parseQuery(LogsQuery, request.query)
          if (!hosts.ids().includes(id))
            throw new BooError("HOST_NOT_FOUND", { host: id, known: hosts.ids() })
          return { provider_id: id, batches: tailOf(rings.get(id) ?? EMPTY_RING, query) }
        },
      )
    },
  }
}
