import type { Span } from "../unit.ts"

/** One sample, as a message brought it or as history has it. */
export interface Sample {
  host: string
  boot: string
  seq: number
  tsMs: number
  source: string
  /** Equal for equal readings. */
  readings: string
}

export interface SampleVerdict {
  sent: number
  stored: number
  /** Sent, and not in history. */
  lost: Sample[]
  /** In history twice. */
  doubled: Sample[]
}

// A colliding sample is kept up to so many milliseconds later.
const NUDGE_MS = 110

/** Every sample of every message is in history once; one that was fetched twice, by two messages, too. */
export function judgeSamples(sent: readonly Sample[], stored: readonly Sample[]): SampleVerdict {
  const byReading = groupBy(stored, ({ host, source, readings }) => `${host} ${source} ${readings}`)
  // A host that was held up reads two lines at once, and may have said the same in both.
  const saidBy = groupBy(sent, messageAnd)
  const storedBy = groupBy(stored, messageAnd)
  const isSaidAsOften = (sample: Sample): boolean => {
    const times = new Set(saidBy.get(messageAnd(sample))?.map(({ tsMs }) => tsMs))
    return (storedBy.get(messageAnd(sample))?.length ?? 0) <= times.size
  }
  const doubled: Sample[] = []
  for (const group of byReading.values()) {
    const inOrder = group.toSorted((a, b) => a.tsMs - b.tsMs)
    for (const [index, sample] of inOrder.entries()) {
      const before = inOrder[index - 1]
      // Two readings that happen to be equal lie a second apart.
      if (!before || sample.tsMs - before.tsMs > NUDGE_MS) continue
      if (messageAnd(before) !== messageAnd(sample) || !isSaidAsOften(sample)) doubled.push(sample)
    }
  }
  const lost = sent.filter((sample) => {
    const same = byReading.get(`${sample.host} ${sample.source} ${sample.readings}`) ?? []
    return !same.some(({ tsMs }) => tsMs >= sample.tsMs && tsMs - sample.tsMs <= NUDGE_MS)
  })
  return { sent: sent.length, stored: stored.length, lost, doubled }
}

function messageAnd({ host, boot, seq, source, readings }: Sample): string {
  return `${host} ${boot} ${seq} ${source} ${readings}`
}

export interface SentMessage {
  host: string
  boot: string
  seq: number
}

/** Numbers that no message has, up to the highest that one of its boot has. */
export function missingSeqs(messages: readonly SentMessage[]): SentMessage[] {
  const missing: SentMessage[] = []
  for (const group of groupBy(messages, ({ host, boot }) => `${host} ${boot}`).values()) {
    const seqs = new Set(group.map(({ seq }) => seq))
    const [first] = group
    if (!first) continue
    const last = group.reduce((highest, { seq }) => Math.max(highest, seq), 0)
    for (let seq = 1; seq <= last; seq++) if (!seqs.has(seq)) missing.push({ ...first, seq })
  }
  return missing
}

export interface Coverage {
  /** When the host was watched at all. */
  watched: Span
  /** When nothing could be sampled: dead, frozen, or with a clock that was wrong. */
  excused: readonly Span[]
  /** A hole of the excused ones may be this much longer: a program needs time to start. */
  leewayMs: number
  longestMs: number
}

/** Spans without a sample that are longer than allowed, less what is excused. */
export function holesIn(timesMs: readonly number[], coverage: Coverage): Span[] {
  const { watched, excused, leewayMs, longestMs } = coverage
  const within = timesMs.filter((ms) => ms >= watched.fromMs && ms <= watched.toMs).toSorted((a, b) => a - b)
  const edges = [watched.fromMs, ...within, watched.toMs]
  const holes: Span[] = []
  for (const [index, toMs] of edges.entries()) {
    const fromMs = edges[index - 1]
    if (fromMs === undefined || toMs - fromMs <= longestMs) continue
    const padded = excused.map((span) => ({ fromMs: span.fromMs - longestMs, toMs: span.toMs + leewayMs }))
    const left = without({ fromMs, toMs }, padded)
    holes.push(...left.filter((span) => span.toMs - span.fromMs > longestMs))
  }
  return holes
}

function without(span: Span, taken: readonly Span[]): Span[] {
  let left = [span]
  for (const { fromMs, toMs } of taken) {
    left = left.flatMap((part) => {
      if (toMs <= part.fromMs || fromMs >= part.toMs) return [part]
      const before = { fromMs: part.fromMs, toMs: fromMs }
      const after = { fromMs: toMs, toMs: part.toMs }
      return [before, after].filter((rest) => rest.toMs > rest.fromMs)
    })
  }
  return left
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
