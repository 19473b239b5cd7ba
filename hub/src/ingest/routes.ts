import { DeadLetterRetried, DeadLetterRetry } from "@boocontrol/shared/retention"
import type { FastifyInstance } from "fastify"
import { describeRoute, parseBody } from "../platform/http.ts"

export function ingestRoutes(retry: (wanted: DeadLetterRetry) => Promise<DeadLetterRetried>) {
  return async (app: FastifyInstance): Promise<void> => {
    app.post(
      "/dead-letters/retry",
      describeRoute({
        summary: "Read dead letters once more, the oldest first; what is stored is none any more",
        ...{ tags: ["retention"], body: DeadLetterRetry, response: DeadLetterRetried },
      }),
      async (request) => retry(parseBody(DeadLetterRetry, request.body)),
    )
  }
}
