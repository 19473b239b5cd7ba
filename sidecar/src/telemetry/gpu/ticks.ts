import type { GpuSample } from "@boocontrol/shared/telemetry"
import type { GpuLine } from "./line.ts"
import { withoutReadings } from "./line.ts"

/** All cards of the host at one moment, in the order of their index. */
export interface Tick {
  atMs: number
  gpus: GpuSample[]
  /** Cards that went or came back with this tick. */
  lost: GpuSample[]
  returned: GpuSample[]
}

export interface Ticks {
  /** Takes a reading or a loss; gives the ticks that it ended: none, the one before it, and its own. */
  feed(line: GpuLine & { kind: "reading" | "lost" }, atMs: number): Tick[]
  /** Forgets a half-read tick: the stream began anew. */
  restart(): void
  /** Every card ever seen, as last read. */
  known(): readonly GpuSample[]
}

/**
 * Groups lines into ticks: nvidia-smi prints one line per card and marks no end. A tick ends when all known cards
 * are read, or when an index comes again; a known card that is not in it is lost. The first tick can only end
 * the second way, which teaches how many cards there are.
 */
export function createTicks(): Ticks {
  const known = new Map<number, GpuSample>()
  const indexOfBus = new Map<string, number>()
  const missing = new Set<number>()
  let open = new Map<number, GpuSample>()
  let openedAtMs = 0
  let lastIndex = -1
  let learned = false

  function close(): Tick {
    for (const [index, gpu] of open) if (gpu.state === "awake" || !known.has(index)) known.set(index, gpu)
    const gpus = [...known.values()]
      .sort((a, b) => a.index - b.index)
      .map((card) => {
        const read = open.get(card.index)
        return read && read.state !== "lost" ? read : withoutReadings(card, "lost")
      })
    const lost = gpus.filter((gpu) => gpu.state === "lost" && !missing.has(gpu.index))
    const returned = gpus.filter((gpu) => gpu.state !== "lost" && missing.has(gpu.index))
    for (const gpu of lost) missing.add(gpu.index)
    for (const gpu of returned) missing.delete(gpu.index)
    const tick = { atMs: openedAtMs, gpus, lost, returned }
    open = new Map()
    lastIndex = -1
    learned = true
    return tick
  }

  function isComplete(): boolean {
    return learned && open.size >= known.size
  }

  function add(gpu: GpuSample, atMs: number): void {
    if (open.size === 0) openedAtMs = atMs
    open.set(gpu.index, gpu)
    lastIndex = Math.max(lastIndex, gpu.index)
  }

  function readingOf(line: GpuLine & { kind: "reading" | "lost" }): GpuSample | null {
    if (line.kind === "reading") {
      if (line.busId !== null) indexOfBus.set(line.busId, line.gpu.index)
      return line.gpu
    }
    const index = line.busId === null ? undefined : indexOfBus.get(line.busId)
    const card = index === undefined ? undefined : known.get(index)
    // A loss that names no card we know shows in the tick as the card that is not there.
    return card ? withoutReadings(card, "lost") : null
  }

  return {
    feed(line, atMs) {
      const gpu = readingOf(line)
      if (!gpu) return []
      const ended = gpu.index <= lastIndex ? [close()] : []
      add(gpu, atMs)
      if (isComplete()) ended.push(close())
      return ended
    },
    restart() {
      open = new Map()
      lastIndex = -1
    },
    known: () => [...known.values()].sort((a, b) => a.index - b.index),
  }
}
