import { ActivityRow } from "@boocontrol/shared/activity"
import { pageOf } from "@boocontrol/shared/http"
import { ModelEventRow } from "@boocontrol/shared/models"
import "./zod-setup.ts"

/** The schemas of what every page reads. They come after the first paint: see exact-frames.ts. */
export { ErrorBody } from "@boocontrol/shared/errors"
export { FleetSnapshot } from "@boocontrol/shared/fleet"
export { Frame } from "@boocontrol/shared/frames"
export { Health } from "@boocontrol/shared/http"
export { Session } from "@boocontrol/shared/session"
export { PerfReply } from "@boocontrol/shared/telemetry"
export const ActivityRowPage = pageOf(ActivityRow)
export const ModelEventPage = pageOf(ModelEventRow)
