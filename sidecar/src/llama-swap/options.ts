import type { Clock } from "../platform/clock.ts"
import type { CursorStore, EngineSink, GpuMemory, ResumeAsk } from "../ports.ts"

export interface LlamaSwapOptions {
  url: string
  apiKey: string | null
  sink: EngineSink
  cursors: CursorStore
  resume: ResumeAsk
  gpuMemory: GpuMemory
  clock: Clock
  /** In [0, 1), for jitter. */
  random: () => number
  /** The engine runs on another machine. */
  remote: boolean
  log: (message: string, details?: Record<string, unknown>) => void
  /** Of this sidecar: stands in the user agent, by which our own lines are known in the engine's log. */
  version?: string
}
