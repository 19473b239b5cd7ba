import type { FastifyInstance } from "fastify"
import { Health } from "@boocontrol/shared/http"
import { instantOf } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import { describeRoute } from "../platform/http.ts"
import type { HealthPort } from "./ports.ts"

export interface HealthOptions {
  version: string
  hubId: string
  clock: Clock
  parts: HealthPort
}

/** A part that does not answer within this is down: probes do not wait longer either. */
const ANSWER_WITHIN_MS = 1_500

/** `GET /api/health`: 200 when every part answers, 503 with the same body when one does not. */
export function createHealth({ version, hubId, clock, parts }: HealthOptions) {
  const startedMs = clock.now()

  const answers = async (ask: () => Promise<unknown>): Promise<boolean> => {
    let cancel = (): void => undefined
    const late = new Promise<boolean>((resolve) => {
      cancel = clock.setTimeout(() => resolve(false), ANSWER_WITHIN_MS)
    })
    const asked = ask().then(
      () => true,
      () => false,
    )
    try {
      return await Promise.race([asked, late])
    } finally {
      cancel()
    }
  }

  const check = async (): Promise<Health> => {
    const [db, nats] = await Promise.all([answers(parts.askDatabase), answers(parts.askNats)])
    const uptime_s = Math.round((clock.now() - startedMs) / 1000)
    return { ok: db && nats, version, db, nats, uptime_s, hub_id: hubId, at: instantOf(clock.now()) }
  }

  return {
    natsAnswers: () => answers(parts.askNats),
    routes: async (app: FastifyInstance): Promise<void> => {
      app.get(
        "/api/health",
        describeRoute({
          summary: "Whether every part works",
          tags: ["health"],
          response: { 200: Health, 503: Health },
        }),
        async (_request, reply) => {
          const health = await check()
          return reply
            .code(health.ok ? 200 : 503)
            .header("cache-control", "no-store")
            .send(health)
        },
      )
    },
  }
}
