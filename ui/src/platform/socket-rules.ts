import type { Frame, FrameHandlers } from "@boocontrol/shared/frames"
import { unreachable } from "@boocontrol/shared/unreachable"

const BASE_MS = 500
// A hub that restarts is back within seconds; nobody should wait half a minute in front of a dark screen.
const CAP_MS = 10_000

/** Doubles with each failure up to the cap, plus up to half of it again, so that tabs do not return all at once. */
export function reconnectDelayMs(failures: number, random: number): number {
  const backoff = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures, 10))
  return Math.round(backoff * (1 + random / 2))
}

/** Hands a frame to the handler of its type. A new type does not compile until it has one. */
export function dispatch(frame: Frame, handlers: FrameHandlers): void {
  switch (frame.type) {
    case "control_fleet":
      return handlers.control_fleet(frame)
    case "control_activity":
      return handlers.control_activity(frame)
    case "control_perf":
      return handlers.control_perf(frame)
    case "control_log":
      return handlers.control_log(frame)
    case "control_job":
      return handlers.control_job(frame)
    default:
      return unreachable(frame)
  }
}
