import "../platform/zod-setup.ts"

/** For replies of which the start needs none. */
export { RegisteredHost } from "@boocontrol/shared/hosts"
