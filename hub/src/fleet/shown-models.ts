import type { FleetModel } from "@boocontrol/shared/fleet"
import type { ModelReading } from "@boocontrol/shared/models"

/** What an operator wants of a model of a host, by model id. */
export interface Preference {
  readonly favorite: boolean
  readonly hidden: boolean
}
export type Preferences = ReadonlyMap<string, Preference>

const NO_WISH: Preference = { favorite: false, hidden: false }

/** Models as readers see them. Where their states are not known they are null: never stopped, never the last ones. */
export function shownModels(
  reported: readonly ModelReading[],
  { prefs, known }: { prefs: Preferences; known: boolean },
): FleetModel[] {
  return reported.map((model) => {
    const { favorite, hidden } = prefs.get(model.id) ?? NO_WISH
    return known ? { ...model, favorite, hidden } : { ...model, ...UNKNOWN, favorite, hidden }
  })
}

const UNKNOWN = { state: null, state_since: null, error: null, expires_at: null }
