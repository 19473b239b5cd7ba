import * as z from "zod/mini"
import { BooError } from "@boocontrol/shared/errors"

const Coded = z.object({ code: z.string(), message: z.optional(z.string()) })

/** Codes of postgres.js and of Postgres itself that say "not there", not "wrong statement". */
const DATABASE_DOWN = new Set([
  ...["CONNECTION_CLOSED", "CONNECTION_ENDED", "CONNECTION_DESTROYED", "CONNECT_TIMEOUT"],
  ...[
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "57014",
    "57P01",
    "57P02",
    "57P03",
    "53300",
    "08006",
    "08001",
  ],
])

/** Failures of Fastify and Postgres as ours, told by their codes; null for one that nobody expected. */
export function foreignError(thrown: unknown): BooError | null {
  const parsed = Coded.safeParse(thrown)
  if (!parsed.success) return null
  const { code, message = code } = parsed.data
  if (DATABASE_DOWN.has(code)) return new BooError("DATABASE_DOWN", {}, thrown)
  switch (code) {
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new BooError("JSON_REQUIRED", { contentType: "another one" }, thrown)
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new BooError("TOO_LARGE", { what: "The body", limit: "1 MiB" }, thrown)
    case "FST_ERR_CTP_INVALID_JSON_BODY":
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new BooError("BAD_REQUEST", { where: "body", problem: message }, thrown)
    default:
      return null
  }
}
