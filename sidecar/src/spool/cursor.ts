import * as z from "zod/mini"
import { SwapEpoch } from "@boocontrol/shared/ids"
import { Instant } from "@boocontrol/shared/time"
import type { CursorStore } from "../ports.ts"
import type { SpoolFolder } from "./folder.ts"

const Cursor = z.object({
  swap_epoch: SwapEpoch,
  swap_entry_id: z.int(),
  ts: Instant,
  model: z.string(),
  duration_ms: z.nullable(z.number()),
})

/** Keeps the activity cursor in the spool folder. */
export function cursorStore(folder: SpoolFolder): CursorStore {
  return {
    load: () => Promise.resolve(folder.load("cursor", Cursor)),
    save(cursor) {
      folder.save("cursor", cursor)
      return Promise.resolve()
    },
  }
}
