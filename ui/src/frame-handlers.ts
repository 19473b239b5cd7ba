import type { FrameHandlers } from "@boocontrol/shared/frames"
import type { HostId } from "@boocontrol/shared/ids"
import { epochMsOf } from "@boocontrol/shared/time"
import { useActivity } from "./activity/store.ts"
import { useFleet } from "./fleet/store.ts"
import { useArrivingLogs } from "./logs/arriving.ts"
import type { Clock } from "./platform/clock.ts"
import { useTelemetry } from "./telemetry/store.ts"

interface Wiring {
  readonly clock: Pick<Clock, "noteHubTime">
  readonly resync: (host: HostId) => void
}

/** Where each frame goes. Stores know nothing of one another. */
export function createFrameHandlers({ clock, resync }: Wiring): FrameHandlers {
  const fleet = useFleet()
  const activity = useActivity()
  const telemetry = useTelemetry()
  const logs = useArrivingLogs()
  return {
    control_fleet(frame) {
      if (frame.kind !== "lagged") clock.noteHubTime(epochMsOf(frame.at))
      for (const host of fleet.apply(frame)) resync(host)
      if (frame.kind === "snapshot") telemetry.applySnapshot(frame)
    },
    control_activity: (frame) => activity.apply(frame),
    control_perf: (frame) => telemetry.apply(frame),
    control_log: (frame) => logs.apply(frame),
    // No page shows jobs yet. The hub sends them by default, so they must be understood all the same.
    control_job: () => undefined,
  }
}
