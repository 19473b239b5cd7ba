import { exactly } from "@boocontrol/shared/exact"
import { FleetHost } from "@boocontrol/shared/fleet"
import {
  ActivityFrame,
  FleetDeltaFrame,
  FleetSnapshotFrame,
  LaggedFrame,
  LogFrame,
  PerfFrame,
} from "@boocontrol/shared/frames"
import * as z from "zod/mini"

const KINDS = {
  snapshot: FleetSnapshotFrame,
  delta: FleetDeltaFrame,
  lagged: LaggedFrame,
  control_activity: ActivityFrame,
  control_perf: PerfFrame,
  control_log: LogFrame,
  host: FleetHost,
} as const
export type ExactKind = keyof typeof KINDS

/** All in one, so that what they share is written once: build/exact-frames.ts puts that code in this file's place. */
export const EXACT_SCHEMA = z.partial(z.object(KINDS))

const looks = exactly(EXACT_SCHEMA)

/** True where a value is exactly as its schema says: nothing is wrong, missing or unknown. */
export function isExactly(kind: ExactKind, value: unknown): boolean {
  return value !== undefined && looks({ [kind]: value })
}
