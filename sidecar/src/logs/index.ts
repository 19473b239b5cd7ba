import type { LogData, LogSource } from "@boocontrol/shared/logs"
import type { Clock } from "../platform/clock.ts"
import { addChunk, EMPTY_LINES, tailOf, unseenPart } from "./core.ts"
import type { LineBuffer } from "./core.ts"

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

export interface LogRelay {
  /** A connection was made: the next chunk of each source is its history. */
  connected(): void
  chunk(source: LogSource, data: string): void
  stop(): void
}

const BATCH_MS = 100
/** A batch must stay a small message; what is more waits for the next. */
const BATCH_CHARS = 128 * 1024
/** What may wait in all. A model that floods its log costs lines, never memory. */
const MAX_WAITING_CHARS = 1024 * 1024

interface Source {
  buffer: LineBuffer
  tail: string
  atHistory: boolean
  waiting: string[]
  waitingChars: number
  dropped: number
}

/** Puts log chunks together to lines and sends them on in batches. */
export function createLogRelay(options: LogRelayOptions): LogRelay {
  const sources: Record<LogSource, Source> = { proxy: emptySource(), upstream: emptySource() }
  let cancel: (() => void) | null = null

  function schedule(): void {
    cancel ??= options.clock.setTimeout(() => {
      cancel = null
      flush("proxy")
      flush("upstream")
      if (sources.proxy.waiting.length + sources.upstream.waiting.length > 0) schedule()
    }, BATCH_MS)
  }

  function flush(name: LogSource): void {
    const source = sources[name]
    if (source.waiting.length === 0) return
    let chars = 0
    let count = 0
    while (count < source.waiting.length && (count === 0 || chars < BATCH_CHARS)) {
      chars += (source.waiting[count]?.length ?? 0) + 1
      count += 1
    }
    const lines = source.waiting.splice(0, count)
    source.waitingChars -= chars
    options.emit({ source: name, lines, ...(source.dropped > 0 ? { dropped: source.dropped } : {}) })
    source.dropped = 0
  }

  return {
    connected() {
      for (const source of Object.values(sources)) source.atHistory = true
    },
    chunk(name, data) {
      const source = sources[name]
      const live = !source.atHistory
      const fresh = source.atHistory ? unseenPart(source.tail, data) : data
      // A history that does not go on from what was seen begins with a new line.
      if (source.atHistory && fresh.length === data.length) source.buffer = EMPTY_LINES
      source.atHistory = false
      source.tail = tailOf(source.tail, fresh)
      const { buffer, lines } = addChunk(source.buffer, fresh)
      source.buffer = buffer
      for (const line of lines) {
        if (live) options.onLine?.(name, line)
        if (!options.keep(name, line)) continue
        const clean = options.clean(line)
        source.waiting.push(clean)
        source.waitingChars += clean.length + 1
      }
      while (source.waitingChars > MAX_WAITING_CHARS && source.waiting.length > 0) {
        source.waitingChars -= (source.waiting.shift()?.length ?? 0) + 1
        source.dropped += 1
      }
      if (source.waiting.length > 0) schedule()
    },
    stop() {
      cancel?.()
      cancel = null
    },
  }
}

function emptySource(): Source {
  return { buffer: EMPTY_LINES, tail: "", atHistory: false, waiting: [], waitingChars: 0, dropped: 0 }
}
