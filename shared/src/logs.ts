import * as z from "zod/mini"
import { Instant } from "./time.ts"

export const LogSource = z.enum(["proxy", "upstream"])
export type LogSource = z.infer<typeof LogSource>

/** Longest log line that travels; the rest is cut and marked with `TRUNCATION_MARK`. */
export const MAX_LOG_LINE_CHARS = 16_384
export const TRUNCATION_MARK = " … [cut]"

/** How many lines of a host the hub keeps for late joiners. Logs are relayed, never stored. */
export const LOG_TAIL_LINES = 2000

/** Data of `.log`. `model` is absent in the mixed upstream stream, which has no label. */
export const LogData = z.object({
  source: LogSource,
  model: z.optional(z.string()),
  lines: z.array(z.string()),
  /** Lines that this sidecar or the engine lost before these. */
  dropped: z.optional(z.int()),
  /** The engine had written these before they were read: nobody knows when. */
  history: z.optional(z.boolean()),
})
export type LogData = z.infer<typeof LogData>

/** A batch as the hub keeps and relays it. `at`: when its sidecar sent it, by the host's clock. */
export const LogBatch = z.extend(LogData, { at: z.optional(Instant) })
export type LogBatch = z.infer<typeof LogBatch>

/** Reply of `GET /hosts/:id/logs`. */
export const LogTail = z.object({ provider_id: z.string(), batches: z.array(LogBatch) })
export type LogTail = z.infer<typeof LogTail>
