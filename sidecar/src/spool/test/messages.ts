import { BootId } from "@boocontrol/shared/ids"
import type { StreamName } from "@boocontrol/shared/subjects"
import type { SpoolMessage } from "../ports.ts"

export const BOOT = BootId.parse("0b8f6a52-6f0c-4b62-9d0f-6d0a8f2b7c11")
export const LATER_BOOT = BootId.parse("1b8f6a52-6f0c-4b62-9d0f-6d0a8f2b7c22")

/** A message of a lane whose payload tells its number. */
export function message(lane: StreamName, seq: number, changes: Partial<SpoolMessage> = {}): SpoolMessage {
  return {
    lane,
    kind: lane === "BOO_PERF" ? "perf" : "note",
    ...{ boot: BOOT, seq, atMs: 1_750_000_000_000 + seq, inOrder: false },
    payload: Buffer.from(JSON.stringify({ seq })),
    ...changes,
  }
}

/** The same, with a payload of so many bytes. */
export function sized(lane: StreamName, seq: number, bytes: number): SpoolMessage {
  return message(lane, seq, { payload: Buffer.alloc(bytes, `"${seq}"`) })
}
