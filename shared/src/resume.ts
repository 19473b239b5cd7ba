import * as z from "zod/mini"
import { InstanceId, SwapEpoch } from "./ids.ts"
import { Instant } from "./time.ts"

/** A sidecar without a cursor asks what history the hub already has of its host. */
export const ResumeRequest = z.object({ v: z.literal(1), instance: InstanceId })
export type ResumeRequest = z.infer<typeof ResumeRequest>

/** The newest stored row of the newest epoch, and the newest stored sample. Null: nothing is stored. */
export const ResumeReply = z.object({
  v: z.literal(1),
  row: z.nullable(
    z.object({
      swap_epoch: SwapEpoch,
      swap_entry_id: z.int(),
      ts: Instant,
      model: z.string(),
      duration_ms: z.nullable(z.number()),
    }),
  ),
  sample_ts: z.nullable(Instant),
})
export type ResumeReply = z.infer<typeof ResumeReply>
