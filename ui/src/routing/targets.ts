import type { RoutePick, RoutePolicyRow } from "@boocontrol/shared/route-policy"
import type { RouteScore, RouteTarget } from "@boocontrol/shared/routing"
import { fitsWildcard } from "@boocontrol/shared/wildcard"
import { contextLength } from "../kit/format.ts"
import type { Tone } from "../kit/tone.ts"
import { ApiError } from "../platform/api.ts"
import { costOf, nameOf } from "./view.ts"

/** Whether it can be sent anything now, in words. `scores` null: what the hub made of it is not known yet. */
export function targetState(
  { target_id: id, enabled, has_credential: has, models }: RouteTarget,
  scores: readonly RouteScore[] | null,
): { text: string; tone: Tone } {
  if (!enabled) return { text: "switched off", tone: "idle" }
  if (!has) return { text: "no credential: nothing is sent", tone: "warn" }
  if (models.length === 0) return { text: "no models: nothing is sent", tone: "warn" }
  const rows = scores?.filter(({ kind, provider_id }) => kind === "target" && provider_id === id) ?? []
  if (rows.length === 0) return { text: "not known yet", tone: "unknown" }
  const failing = rows.filter(({ status }) => status === "unhealthy").length
  if (failing === 0) return { text: "ready", tone: "ok" }
  if (failing === rows.length) return { text: "left alone after failures", tone: "bad" }
  return { text: `${failing} of ${rows.length} models left alone after failures`, tone: "warn" }
}

/** Requests that run there now, of this hub; null: not known. */
export function runningAt(id: string, scores: readonly RouteScore[] | null): number | null {
  return scores?.find(({ kind, provider_id }) => kind === "target" && provider_id === id)?.inflight ?? null
}

/** Policies of which it is a candidate; those that are switched off say so. */
export function policiesWith(id: string, rows: readonly RoutePolicyRow[]): string[] {
  return rows
    .filter(({ policy }) =>
      policy.rules.some(({ candidates = [] }) => candidates.some((pick) => takesIn(pick, id))),
    )
    .map(({ name, policy }) => `${nameOf(name)}${policy.enabled ? "" : " (switched off)"}`)
}

/** As the hub understands it: who says something of hosts means hosts. */
function takesIn({ targets = [], hosts, tags, quants }: RoutePick, id: string): boolean {
  if (hosts ?? tags ?? quants) return false
  return targets.some((pattern) => fitsWildcard(pattern.toLowerCase(), id))
}

/** `0.27 in, 1.10 out, 0.07 cached, 125k`; prices per million tokens. */
export function priceWords(model: RouteTarget["models"][number]): string {
  const context = contextLength(model.context_length ?? null)
  return [
    `${costOf(model.input_per_mtok)} in`,
    `${costOf(model.output_per_mtok)} out`,
    ...(model.cached_input_per_mtok === undefined ? [] : [`${costOf(model.cached_input_per_mtok)} cached`]),
    ...(context === null ? [] : [`context ${context}`]),
  ].join(", ")
}

/** Why a target was not changed, and by whom it can be. */
export function targetFailure(error: unknown): string {
  if (!(error instanceof ApiError)) return "It failed for a reason this page does not know"
  return error.status === 401 || error.status === 403
    ? `${error.message}. Targets are changed with the administrator's token or one of role admin.`
    : error.message
}
