import type { HostId } from "@boocontrol/shared/ids"

export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

/** A change of state of one model. */
export interface Change {
  readonly model: string
  readonly state: string
  readonly atMs: number
}

/** Power of all GPUs of a host over a stretch of time, watts. */
export interface PowerSlot {
  readonly startMs: number
  readonly endMs: number
  readonly watts: number
}

/** A finished request, as far as its energy goes. */
export interface RanRequest {
  readonly model: string
  readonly endMs: number
  readonly durationMs: number
  readonly promptTokens: number | null
  readonly outputTokens: number | null
}

/** The live half's record of what models did. */
export interface ChangesPort {
  changes(host: HostId, range: TimeRange): Promise<readonly Change[]>
}

export interface PowerPort {
  power(host: HostId, range: TimeRange): Promise<{ stepMs: number; slots: readonly PowerSlot[] }>
}

export interface RequestsPort {
  ran(host: HostId, range: TimeRange): Promise<readonly RanRequest[]>
}
