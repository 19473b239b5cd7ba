export { doctor } from "./run.ts"
export { status } from "./status.ts"
