/** What one attempt on a lease saw, in the monotonic time that all processes of a machine share, in ns. */
export interface Attempt {
  readonly worker: number
  readonly host: string
  readonly askedAt: number
  /** When the hub had put it in line; null where it was served at once or never got so far. */
  readonly queuedAt: number | null
  readonly granted: { readonly at: number; readonly token: number } | null
  /** What was done under it and confirmed: each within its call and its return. */
  readonly steps: readonly { readonly calledAt: number; readonly returnedAt: number }[]
}

/** An exclusive lease as Postgres has it afterwards, in its own time, in ms. */
export interface Held {
  readonly host: string
  readonly token: number
  readonly from: number
  readonly to: number
}

export interface Verdict {
  /** Two that held one host at the same moment. */
  readonly overlaps: readonly string[]
  /** A step that was confirmed although one under a newer token had been confirmed before it was called. */
  readonly stale: readonly string[]
  /** A grant that came after another and has no larger token, or the same. */
  readonly tokens: readonly string[]
  /** One that stood in line before another had asked, and was given the host after it. */
  readonly unfair: readonly string[]
}

/** Looks for any order of events that leases forbid. Whatever it does not find could have happened one after the other. */
export function judge(attempts: readonly Attempt[], held: readonly Held[]): Verdict {
  const byHost = groupBy(attempts, ({ host }) => host)
  return {
    overlaps: [...groupBy(held, ({ host }) => host)].flatMap(([host, leases]) => overlapsIn(host, leases)),
    stale: [...byHost].flatMap(([host, all]) => staleIn(host, all)),
    tokens: [...byHost].flatMap(([host, all]) => tokensIn(host, all)),
    unfair: [...byHost].flatMap(([host, all]) => unfairIn(host, all)),
  }
}

function overlapsIn(host: string, leases: readonly Held[]): string[] {
  const sorted = leases.toSorted((a, b) => a.from - b.from)
  return sorted.flatMap((lease, index) => {
    const next = sorted[index + 1]
    return next && next.from < lease.to
      ? [`${host}: ${next.token} began before ${lease.token} had ended`]
      : []
  })
}

function staleIn(host: string, attempts: readonly Attempt[]): string[] {
  const steps = attempts.flatMap(({ granted, steps: done }) =>
    granted ? done.map((step) => ({ ...step, token: granted.token })) : [],
  )
  const sorted = steps.toSorted((a, b) => a.returnedAt - b.returnedAt)
  return steps.flatMap((step) => {
    const newer = sorted.find((other) => other.token > step.token)
    return newer && newer.returnedAt < step.calledAt
      ? [`${host}: a step under ${step.token} was confirmed after one under ${newer.token}`]
      : []
  })
}

function tokensIn(host: string, attempts: readonly Attempt[]): string[] {
  const grants = attempts.flatMap(({ granted, askedAt }) => (granted ? [{ ...granted, askedAt }] : []))
  const seen = new Set<number>()
  return grants.flatMap((grant) => {
    const isTwice = seen.has(grant.token)
    seen.add(grant.token)
    const later = grants.find((other) => other.askedAt > grant.at && other.token <= grant.token)
    return [
      ...(isTwice ? [`${host}: token ${grant.token} was given twice`] : []),
      ...(later ? [`${host}: ${later.token} was given after ${grant.token}`] : []),
    ]
  })
}

function unfairIn(host: string, attempts: readonly Attempt[]): string[] {
  const grants = attempts.filter(({ granted }) => granted !== null)
  return grants.flatMap((first) => {
    const { queuedAt, granted } = first
    if (queuedAt === null || granted === null) return []
    const passed = grants.find(
      (other) => other.askedAt > queuedAt && (other.granted?.token ?? 0) < granted.token,
    )
    return passed
      ? [`${host}: ${passed.granted?.token} passed ${granted.token}, which stood in line before`]
      : []
  })
}

function groupBy<T>(list: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of list) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one])
  return groups
}
