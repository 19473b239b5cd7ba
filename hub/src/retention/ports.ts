import type { HostId } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"

/** One aggregated tier of samples: which table, made of what. */
export interface Tier {
  tier: string
  from: string
  widthMs: number
  /** So long after it changed one is computed that has not ended yet. */
  openMs: number
  table: string
  /** Where its cold hours are, packed. Null: they stay as they are. */
  packed?: string | null
}

/** Packs cold hours. Only one hub of all asks for it. */
export interface PackingPort {
  /**
   * Packs hours of a table that lie within a span, as far as nothing about them is open any more. Resolves to how many
   * it packed, and how many have to wait for the next time.
   */
  pack(
    wanted: { table: string; fromMs: number; toMs: number; afterMs: number },
    signal: Pick<AbortSignal, "aborted">,
  ): Promise<{ packed: number; waiting: number }>
}

/** `config.retain`. */
export interface RetainSettings {
  perfDays: Readonly<Record<string, number>>
  activityDays: number
  eventsDays: number
  /** Age at which hours of samples and tiers are packed. */
  packAfterHours: number
}

/** What completeness must know of a host. */
export interface KnownHost {
  provider_id: HostId
  enabled: boolean
  created_at: Instant
}

export interface HostsPort {
  rows(): readonly KnownHost[]
}

/** What came and went, as this hub counted it since its start. */
export interface StreamFigures {
  stream: string
  received: number
  stored: number
  redelivered: number
  deadLetters: number
  disabled: number
  retries: number
  waitingForPostgres: boolean
  lagMs: number | null
}

export interface FiguresPort {
  streams(): readonly StreamFigures[]
  samples(): Readonly<{ samples: number; nudged: number }>
  natsAnswers(): Promise<boolean>
}
