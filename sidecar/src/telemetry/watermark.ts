import * as z from "zod/mini"
import { epochMsOf, Instant } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import type { Watermark } from "./ports.ts"

/** What keeps a value under a name beyond this process. */
export interface Shelf {
  load<T>(name: string, schema: z.ZodMiniType<T>): T | null
  save(name: string, value: unknown): void
}

// Every batch would be a write every five seconds; after a crash this much is fetched twice and stored once.
const EVERY_SAVES = 6

// A sample may be stamped some moments ahead of the clock that is looked at later.
const AHEAD_MS = 5_000

/** Rises only, unless it was taken from a clock that has been set back since. Written now and then, and by `flush`. */
export function watermark(shelf: Shelf, clock: Pick<Clock, "now">): Watermark & { flush(): void } {
  let newest: Instant | null = shelf.load("watermark", z.object({ sample_ts: Instant }))?.sample_ts ?? null
  let unsaved = 0

  function flush(): void {
    if (unsaved === 0 || newest === null) return
    unsaved = 0
    shelf.save("watermark", { sample_ts: newest })
  }

  return {
    load: () => newest,
    save(ts) {
      if (newest !== null && ts <= newest && epochMsOf(newest) <= clock.now() + AHEAD_MS) return
      newest = ts
      unsaved += 1
      if (unsaved >= EVERY_SAVES) flush()
    },
    flush,
  }
}
