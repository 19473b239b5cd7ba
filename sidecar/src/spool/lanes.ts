import { STREAMS } from "@boocontrol/shared/subjects"
import type { StreamName } from "@boocontrol/shared/subjects"
import type { DurableKind } from "../publish/ports.ts"

/** Telemetry first: a missing second of temperature is a hole in a chart, a missing request is a wrong total. */
export const GIVEN_UP_IN_ORDER: readonly StreamName[] = ["BOO_PERF", "BOO_EVENTS"]

export const LANES: readonly StreamName[] = ["BOO_EVENTS", "BOO_PERF"]

/** The stream that stores a kind. */
export function laneOf(kind: DurableKind): StreamName {
  const perf: readonly string[] = STREAMS.BOO_PERF
  return perf.includes(kind) ? "BOO_PERF" : "BOO_EVENTS"
}
