import type { FlowsQuery, RouteFlows } from "@boocontrol/shared/routing"
import { instantOf } from "@boocontrol/shared/time"
import type { Clock } from "../platform/clock.ts"
import type { DispatchesStore } from "./store/dispatches.ts"
import { BUCKET_MS } from "./store/flows.ts"

const HOUR_MS = 3_600_000
const WINDOW_MS: Record<FlowsQuery["window"], number> = {
  hour: HOUR_MS,
  day: 24 * HOUR_MS,
  week: 7 * 24 * HOUR_MS,
}

/** Who sent what where in the window that ends now. */
export async function flowsOf(
  { window }: FlowsQuery,
  { dispatches, clock }: { dispatches: DispatchesStore; clock: Clock },
): Promise<RouteFlows> {
  const nowMs = clock.now()
  const from = instantOf(Math.floor((nowMs - WINDOW_MS[window]) / BUCKET_MS) * BUCKET_MS)
  return { from, to: instantOf(nowMs), ...(await dispatches.flows(from)) }
}
