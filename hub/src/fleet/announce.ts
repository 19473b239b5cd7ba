import type { FleetDeltaFrame } from "@boocontrol/shared/frames"
import { subjects } from "@boocontrol/shared/subjects"
import type { AdvisoryLock } from "../platform/advisory-lock.ts"
import { bytesOf } from "../platform/frame-bytes.ts"
import type { NatsConnection } from "../platform/nats.ts"

/** Any number, as long as no other singleton takes it. */
export const ANNOUNCER_LOCK = 7_305_802_205

/** Tells other tools what the cockpit sees. Several hubs see the same: one of them says it. */
export function announcer(
  nc: NatsConnection,
  lock: Pick<AdvisoryLock, "isHeld">,
): (delta: FleetDeltaFrame) => void {
  return (delta) => {
    if (lock.isHeld() && !nc.isClosed()) nc.publish(subjects.hub("fleet", delta.provider_id), bytesOf(delta))
  }
}
