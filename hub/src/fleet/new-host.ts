import type { FleetHost } from "@boocontrol/shared/fleet"
import type { HostRow } from "@boocontrol/shared/hosts"
import type { InstanceId } from "@boocontrol/shared/ids"
import type { ModelReading } from "@boocontrol/shared/models"
import { instantOf } from "@boocontrol/shared/time"
import type { HostState } from "./core.ts"
import { shownModels } from "./shown-models.ts"
import type { Preferences } from "./shown-models.ts"

/** What outlived the hub that wrote it. */
export interface LastKnown {
  /** The keys a presence fills, as they were. */
  readonly shown: Partial<FleetHost>
  readonly models: readonly ModelReading[]
  readonly holder: InstanceId | null
}

export interface NewHost {
  readonly row: HostRow
  readonly seq: number
  readonly prefs: Preferences
  readonly last: LastKnown | null
}

/** A host that has not spoken to this hub: `reconnecting`, or `down` where it is disabled. */
export function newHost({ row, seq, prefs, last }: NewHost, nowMs: number): HostState {
  const models = last?.models ?? []
  const shown: FleetHost = {
    ...{ sidecar_version: null, engine_version: null, engine_era: null, engine_lacks: [] },
    ...{ problem: null, hardware: null, gpus: [], gpu_feed: null, spool: null },
    ...last?.shown,
    provider_id: row.provider_id,
    display_name: row.display_name,
    os: row.os,
    gpu_label: row.gpu_label,
    tags: row.tags,
    enabled: row.enabled,
    simulated: row.simulated,
    advertise_url: row.advertise_url,
    last_seen_at: row.last_seen_at,
    liveness: row.enabled ? "reconnecting" : "down",
    liveness_since: instantOf(nowMs),
    models: shownModels(models, { prefs, known: false }),
    ...{ twin: null, inflight: null, inflight_total: null, actions: [], lease: null },
    ...{ rates: null, rejected: null, sample: null },
  }
  return {
    ...{ seq, shown, prefs, reported: models },
    holder: last?.holder ? { instance: last.holder, boot: null } : null,
    ...{ clockAheadMs: 0, presenceAtMs: nowMs },
    ...{ twin: null, statesKnown: false, reportedIn: null, rejected: null },
  }
}
