import type { ActivityData, InflightData } from "@boocontrol/shared/activity"
import type { EngineCapture } from "@boocontrol/shared/capture"
import type { EngineStatus, Hardware } from "@boocontrol/shared/hosts"
import type { SwapEpoch } from "@boocontrol/shared/ids"
import type { LogData } from "@boocontrol/shared/logs"
import type { ModelsData } from "@boocontrol/shared/models"
import type { NoteData } from "@boocontrol/shared/notes"
import type { ResumeReply } from "@boocontrol/shared/resume"
import type { GpuProcess, PerfSample } from "@boocontrol/shared/telemetry"
import type { Instant } from "@boocontrol/shared/time"

/**
 * An inference engine on this host, in our own terms. Nothing outside the folder that implements it knows the
 * engine's shapes. A connector never loads, unloads or keeps awake a model unless one of the actions is called.
 */
export interface EngineConnector {
  /** Connects and keeps connecting until `stop`. May be called twice. */
  start(): void
  /** Ends every connection and timer and waits for work in hand. May be called twice. */
  stop(): Promise<void>
  status(): EngineStatus
  /** Facts about the machine as the engine reports them; null where it does not. */
  hardware(): Promise<Hardware | null>
  /** Samples the engine took itself, strictly after `after`; null where this engine has none. */
  samples(after: Instant | null): Promise<PerfSample[] | null>
  /** What it kept of a request, secrets out; null where it has nothing of it any more. */
  capture(entryId: number): Promise<EngineCapture | null>
  actions: EngineActions
}

/** What a model answers, which decides by which request it is loaded. */
export type LoadKind = "chat" | "embedding" | "rerank" | "speech" | "transcription" | "image"

/** Actions resolve when the engine confirmed them and reject with what it said. */
export interface EngineActions {
  /** Resolves when the model is ready. */
  load(model: string, options: { kind: LoadKind; signal: AbortSignal }): Promise<void>
  unload(model: string): Promise<void>
  unloadAll(): Promise<void>
  /** False where there is no such request in flight. */
  cancel(inflightId: string): Promise<boolean>
  /** Null when done; else the profiles there are, since that one is not among them. */
  switchProfile(profile: string | null): Promise<string[] | null>
}

/** What a connector tells, in the order it happened. */
export interface EngineSink {
  status(status: EngineStatus): void
  models(data: ModelsData): void
  inflight(data: InflightData): void
  log(data: LogData): void
  note(data: NoteData): void
  /** Resolves when the rows are safe: only then may the cursor behind them be kept. */
  activity(data: ActivityData): Promise<void>
}

/** The last request row that is known to be safe. */
export interface ActivityCursor {
  swap_epoch: SwapEpoch
  swap_entry_id: number
  ts: Instant
  model: string
  duration_ms: number | null
}

/** Where the cursor outlives the process. */
export interface CursorStore {
  load(): Promise<ActivityCursor | null>
  save(cursor: ActivityCursor): Promise<void>
}

/** Asks the hub what it has of this host; null when no hub answers within a bounded time. */
export interface ResumeAsk {
  ask(): Promise<ResumeReply | null>
}

/** GPU memory as this host's own telemetry last read it, for the VRAM a model holds. */
export interface GpuMemory {
  /** Sum over all GPUs, MiB; null without a fresh reading. */
  usedMib(): number | null
  processes(): readonly GpuProcess[]
}
