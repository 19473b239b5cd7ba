import * as z from "zod/mini"
import { Instant } from "@boocontrol/shared/time"
import type { Watermark } from "./ports.ts"

/** What keeps a value under a name beyond this process. */
export interface Shelf {
  load<T>(name: string, schema: z.ZodMiniType<T>): T | null
  save(name: string, value: unknown): void
}

// Every batch would be a write every five seconds; after a crash this much is fetched twice and stored once.
const EVERY_SAVES = 6

/** Rises only. Written now and then, and by `flush`. */
export function watermark(shelf: Shelf): Watermark & { flush(): void } {
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
      if (newest !== null && ts <= newest) return
      newest = ts
      unsaved += 1
      if (unsaved >= EVERY_SAVES) flush()
    },
    flush,
  }
}
