import type { LogData, LogSource } from "@boocontrol/shared/logs"
import type { Clock } from "../platform/clock.ts"
import { channelOf, emptyChannel, nextBatch, takeLines } from "./channel.ts"
import type { Channel } from "./channel.ts"
import { EMPTY_LINES, HELD_CHARS, unseenPart } from "./core.ts"

export interface LogRelayOptions {
  emit: (data: LogData) => void
  clock: Clock
  /** Whether a line is worth sending on. */
  keep: (source: LogSource, line: string) => boolean
  /** Takes out of a line what must not travel. */
  clean: (line: string) => string
  /** Every whole line that is written now, kept or not; not those of a history. */
  onLine?: (source: LogSource, line: string) => void
}

/**
 * The engine tells its log twice: mixed, without saying which model wrote a line, and one stream per model.
 *
 * | mixed upstream | entered when                       | its text                  | leaves when                   |
 * | -------------- | ---------------------------------- | ------------------------- | ----------------------------- |
 * | held           | connected                          | waits, the newest of it   | a model's stream was tried    |
 * | muted          | models have streams of their own   | is let go: it comes there | connected anew                |
 * | sent           | this engine has no such streams    | goes out without a label  | connected anew                |
 */
export interface LogRelay {
  /** A connection was made: the next chunk of each mixed source is its history. */
  connected(): void
  chunk(source: LogSource, data: string): void
  /** Everything the engine still had of one model when its stream was opened. */
  modelHistory(model: string, data: string): void
  modelChunk(model: string, data: string): void
  /** Whether this engine has a stream per model. */
  labelled(isLabelled: boolean): void
  stop(): void
}

const BATCH_MS = 100

/** Puts log chunks together to lines and sends them on in batches. */
export function createLogRelay(options: LogRelayOptions): LogRelay {
  const channels = new Map<string, Channel>()
  let mixed: "held" | "muted" | "sent" = "held"
  let held: { data: string; isHistory: boolean }[] = []
  let cancel: (() => void) | null = null

  const channel = (source: LogSource, model?: string): Channel =>
    channelOf(channels, { source, ...(model === undefined ? {} : { model }) }, emptyChannel)

  function schedule(): void {
    cancel ??= options.clock.setTimeout(() => {
      cancel = null
      for (const one of channels.values()) {
        const batch = nextBatch(one)
        if (batch) options.emit(batch)
      }
      if ([...channels.values()].some(({ waiting }) => waiting.length > 0)) schedule()
    }, BATCH_MS)
  }

  function take(to: Channel, data: string, isHistory: boolean): void {
    const fresh = isHistory ? unseenPart(to.tail, data) : data
    // A history that does not go on from what was seen begins with a new line.
    if (isHistory && fresh.length === data.length) to.buffer = EMPTY_LINES
    const { source } = to.label
    takeLines(to, { text: fresh, isHistory }, (line) => {
      if (!isHistory) options.onLine?.(source, line)
      return options.keep(source, line) ? options.clean(line) : null
    })
    if (to.waiting.length > 0) schedule()
  }

  function hold(data: string, isHistory: boolean): void {
    held.push({ data, isHistory })
    let chars = held.reduce((sum, one) => sum + one.data.length, 0)
    while (held.length > 1 && chars > HELD_CHARS) chars -= held.shift()?.data.length ?? 0
  }

  return {
    connected() {
      for (const one of channels.values()) one.atHistory = true
      mixed = "held"
      held = []
    },
    chunk(source, data) {
      const to = channel(source)
      const isHistory = to.atHistory
      to.atHistory = false
      if (source === "proxy" || mixed === "sent") take(to, data, isHistory)
      else if (mixed === "held") hold(data, isHistory)
    },
    modelHistory: (model, data) => take(channel("upstream", model), data, true),
    modelChunk: (model, data) => take(channel("upstream", model), data, false),
    labelled(isLabelled) {
      const waiting = held
      held = []
      mixed = isLabelled ? "muted" : "sent"
      if (!isLabelled) for (const { data, isHistory } of waiting) take(channel("upstream"), data, isHistory)
    },
    stop() {
      cancel?.()
      cancel = null
    },
  }
}
