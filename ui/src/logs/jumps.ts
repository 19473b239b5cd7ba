import type { ActivityRow } from "@boocontrol/shared/activity"
import type { ModelEventRow } from "@boocontrol/shared/models"
import { epochMsOf } from "@boocontrol/shared/time"

export interface Jump {
  readonly key: string
  readonly at: number
  readonly text: string
}

const MOST = 80

/** Places worth going to, newest first: where requests began, and what models did. */
export function jumpsOf(
  rows: readonly ActivityRow[],
  events: readonly ModelEventRow[],
  hosts: readonly string[],
): Jump[] {
  const isHere = (host: string) => hosts.length === 0 || hosts.includes(host)
  const requests = rows
    .filter((row) => isHere(row.provider_id))
    .slice(0, MOST)
    .map((row) => ({
      key: row.id,
      at: epochMsOf(row.ts) - (row.duration_ms ?? 0),
      text: `${row.model} asked on ${row.provider_id}${row.error === null ? "" : ", failed"}`,
    }))
  const changes = events
    .filter((event) => isHere(event.provider_id))
    .map((event) => ({
      key: `${event.provider_id} ${event.model} ${event.state} ${event.ts}`,
      at: epochMsOf(event.ts),
      text: event.model === "*" ? `${event.state} on ${event.provider_id}` : `${event.model} ${event.state}`,
    }))
  return [...requests, ...changes].sort((a, b) => b.at - a.at).slice(0, MOST)
}
