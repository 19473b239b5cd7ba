import type { PerfSample } from "@boocontrol/shared/telemetry"
import type { Instant } from "@boocontrol/shared/time"

/** The newest sample that is known to be stored, kept where it outlives the process. */
export interface Watermark {
  load(): Instant | null
  save(ts: Instant): void
}

/** Samples the engine took itself, strictly after a moment; null where it has none or cannot be asked. */
export interface EngineSamples {
  samples(after: Instant | null): Promise<PerfSample[] | null>
}
