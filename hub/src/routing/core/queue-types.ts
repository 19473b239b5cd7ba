export interface Waiting {
  readonly id: number
  readonly source: string
  readonly sinceMs: number
  /** Same text: same choices, so that they can be served by the same load. */
  readonly group: string
}

/** One model that a host holds or is loading. */
export interface Resident {
  readonly model: string
  readonly state: "ready" | "loading"
  readonly slots: number
  readonly busy: number
  /** When it became ready, or its load began. */
  readonly sinceMs: number
  /** Expected time until a slot is free, and until all are. */
  readonly freeInMs: number
  readonly idleInMs: number
}

export interface QueueHost {
  readonly id: string
  readonly residents: readonly Resident[]
}

/** Where a group may be served. */
export interface Choice {
  readonly host: string
  readonly model: string
  readonly slots: number
  /** Load and what goes before it; 0 where it is loaded. */
  readonly loadMs: number
  /** Models that have to go for it. */
  readonly evicts: readonly string[]
  /** What makes it worse than another for reasons of its own: cost, quality, speed. In ms of waiting. */
  readonly handicapMs: number
}

/** A host that is being drained so that a group can be served there. */
export interface Claim {
  readonly host: string
  readonly model: string
  readonly evicts: readonly string[]
  readonly group: string
}

export interface Situation {
  readonly nowMs: number
  /** In order of arrival. */
  readonly waiting: readonly Waiting[]
  readonly hosts: ReadonlyMap<string, QueueHost>
  readonly choices: (group: string) => readonly Choice[]
  /** Expected requests per ms for a model, wherever. */
  readonly demand: (model: string) => number
  /** How long a request of a model takes, ms. */
  readonly serviceMs: (model: string) => number
  /** What a source has been given, so that the one with least is next. */
  readonly given: (source: string) => number
  /** Share of all slots that is needed for what is asked, 0 to 1. */
  readonly utilisation: number
  readonly claims: readonly Claim[]
}

export interface Grant {
  readonly id: number
  readonly host: string
  readonly model: string
  /** It begins a load. */
  readonly isLoad: boolean
}

export interface QueuePlan {
  readonly grants: readonly Grant[]
  readonly claims: readonly Claim[]
  /** When to ask again although nothing has happened; null: only when something does. */
  readonly againAtMs: number | null
}
