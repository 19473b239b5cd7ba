import * as z from "zod/mini"
import { Instant } from "./time.ts"

/** Notes this version writes. A newer sidecar may send others: they are stored and shown as they are. */
export const NOTE_KINDS = [
  "gap_suspected",
  "swap_restarted",
  "spool_dropped",
  "clock_stepped",
  "gpu_lost",
  "gpu_returned",
  "engine_connected",
  "engine_down",
  "input_rejected",
] as const
export type NoteKind = (typeof NOTE_KINDS)[number]

/**
 * Data of `.note`: something about the host itself that history must keep. `ts` is the event's time.
 * `gap_suspected` has `from` and `to` (Instants, `from` may be null) in its detail.
 */
export const NoteData = z.object({
  note: z.string().check(z.regex(/^[a-z_]{1,40}$/)),
  ts: Instant,
  detail: z.record(z.string(), z.unknown()),
})
export type NoteData = z.infer<typeof NoteData>
