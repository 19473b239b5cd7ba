import "../platform/zod-setup.ts"

/** What the foot of every page asks for; it comes after the first paint. */
export { CompletenessToday } from "@boocontrol/shared/retention"
