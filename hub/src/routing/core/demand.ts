/** How much each model is asked for, and how long an answer takes: what the queue expects of the next minutes. */
export interface DemandMeter {
  asked(model: string, nowMs: number): void
  served(model: string, tookMs: number): void
  /** Requests per ms to expect: the higher of what was asked lately and over a longer time. */
  perMs(model: string, nowMs: number): number
  serviceMs(model: string): number
  /** Slots that are needed to keep up with what is asked. */
  workPerMs(nowMs: number): number
}

/** A conversation comes back within half a minute; who is popular shows within half an hour. */
const SHORT_MS = 30_000
const LONG_MS = 1_800_000
/** A hub that has just started believes that it was quiet for a minute before. */
const LEAST_SEEN_MS = 60_000
const SERVICE_PRIOR_MS = 8_000
const SERVICE_WEIGHT = 0.05

interface Counted {
  atMs: number
  short: number
  long: number
}

export function demandMeter(): DemandMeter {
  const counts = new Map<string, Counted>()
  const service = new Map<string, number>()
  let anyServiceMs = SERVICE_PRIOR_MS
  let firstMs: number | null = null

  const decayed = (counted: Counted, nowMs: number): Counted => {
    const ageMs = Math.max(0, nowMs - counted.atMs)
    return {
      atMs: nowMs,
      short: counted.short * Math.exp(-ageMs / SHORT_MS),
      long: counted.long * Math.exp(-ageMs / LONG_MS),
    }
  }
  /** An average over less time than its window would be too low at first; over next to none, far too high. */
  const span = (nowMs: number, windowMs: number): number => {
    const seenMs = LEAST_SEEN_MS + nowMs - (firstMs ?? nowMs)
    return windowMs * (1 - Math.exp(-seenMs / windowMs))
  }
  const rates = (counted: Counted, nowMs: number): { short: number; long: number } => {
    const { short, long } = decayed(counted, nowMs)
    return { short: short / span(nowMs, SHORT_MS), long: long / span(nowMs, LONG_MS) }
  }
  const serviceMs = (model: string): number => service.get(model) ?? anyServiceMs

  return {
    asked(model, nowMs) {
      firstMs ??= nowMs
      const counted = decayed(counts.get(model) ?? { atMs: nowMs, short: 0, long: 0 }, nowMs)
      counts.set(model, { ...counted, short: counted.short + 1, long: counted.long + 1 })
    },
    served(model, tookMs) {
      anyServiceMs += (tookMs - anyServiceMs) * SERVICE_WEIGHT
      const known = service.get(model)
      service.set(model, known === undefined ? tookMs : known + (tookMs - known) * SERVICE_WEIGHT)
    },
    perMs(model, nowMs) {
      const counted = counts.get(model)
      if (!counted) return 0
      const { short, long } = rates(counted, nowMs)
      return Math.max(short, long)
    },
    serviceMs,
    workPerMs(nowMs) {
      let work = 0
      for (const [model, counted] of counts) {
        const { short, long } = rates(counted, nowMs)
        work += (short + long) * 0.5 * serviceMs(model)
      }
      return work
    },
  }
}
