import "../platform/zod-setup.ts"

/** Comes when the first action is asked for. */
export { ActionAccepted } from "@boocontrol/shared/actions"
