import type { Choice, Claim, Resident, Situation } from "./queue-types.ts"

/** A resident as the plan in the making changes it. */
export interface OpenResident extends Omit<Resident, "busy"> {
  busy: number
}

/** Who holds what, and who is to have what next, while a plan is made. */
export class QueueBoard {
  claims: readonly Claim[]
  private readonly s: Situation
  private readonly hosts = new Map<string, OpenResident[]>()
  private readonly copies = new Map<string, number>()
  /** Hosts that begin a load in this plan: what their other choices push out is only known with the next. */
  private readonly changed = new Set<string>()

  constructor(situation: Situation, claims: readonly Claim[]) {
    this.s = situation
    this.claims = claims.filter(({ host }) => situation.hosts.has(host))
    for (const { id, residents } of situation.hosts.values()) {
      this.hosts.set(
        id,
        residents.map((resident) => ({ ...resident })),
      )
      for (const { model } of residents) this.copies.set(model, this.copiesOf(model, 0) + 1)
    }
  }

  /** Those of the choices that have a slot: ready before loading, then where most is free. */
  open(choices: readonly Choice[], group: string): { choice: Choice; resident: OpenResident }[] {
    const found: { choice: Choice; resident: OpenResident; rank: number }[] = []
    for (const choice of choices) {
      const resident = this.residentOf(choice.host, choice.model)
      if (!resident || resident.busy >= resident.slots || this.isClaimed(choice, group)) continue
      const loadingMs = resident.state === "loading" ? resident.freeInMs : 0
      const rank = choice.handicapMs + loadingMs + (resident.busy / resident.slots) * 500
      found.push({ choice, resident, rank })
    }
    return found.sort((a, b) => a.rank - b.rank)
  }

  residentOf(host: string, model: string): OpenResident | null {
    return this.hosts.get(host)?.find((one) => one.model === model) ?? null
  }

  inTheWay(choice: Choice): OpenResident[] {
    return choice.evicts.flatMap((model) => this.residentOf(choice.host, model) ?? [])
  }

  copiesOf(model: string, atLeast = 1): number {
    return Math.max(atLeast, this.copies.get(model) ?? 0)
  }

  /** Nothing of what has to go is at work or loading. */
  isFree(choice: Choice): boolean {
    return this.inTheWay(choice).every(({ busy, state }) => busy === 0 && state === "ready")
  }

  hasChanged(host: string): boolean {
    return this.changed.has(host)
  }

  /** Somebody else's claim is on what this choice would take. */
  isTaken({ host, model, evicts }: Choice): boolean {
    return this.claims.some(
      (claim) =>
        claim.host === host &&
        (claim.model === model ||
          evicts.includes(claim.model) ||
          claim.evicts.some((one) => one === model || evicts.includes(one))),
    )
  }

  /** It is to go for another group: it takes nothing new. */
  private isClaimed({ host, model }: Choice, group: string): boolean {
    return this.claims.some(
      (claim) => claim.host === host && claim.group !== group && claim.evicts.includes(model),
    )
  }

  claim(claim: Claim): void {
    this.claims = [...this.claims, claim]
  }

  drop(claim: Claim): void {
    this.claims = this.claims.filter((one) => one !== claim)
  }

  load(choice: Choice): OpenResident {
    const { host, model, slots, loadMs, evicts } = choice
    const loading: OpenResident = {
      ...{ model, slots, state: "loading", busy: 0, sinceMs: this.s.nowMs },
      ...{ freeInMs: loadMs, idleInMs: loadMs },
    }
    const kept = (this.hosts.get(host) ?? []).filter((one) => !evicts.includes(one.model))
    this.hosts.set(host, [...kept, loading])
    this.changed.add(host)
    return loading
  }

  /** Expected time until the nth of those who wait has a slot at one of the holders. */
  slotInMs(holders: readonly Choice[], nth: number): number {
    let slots = 0
    let soonestMs = Infinity
    let serviceMs = 0
    for (const { host, model } of holders) {
      const resident = this.residentOf(host, model)
      if (!resident || this.claims.some((claim) => claim.host === host && claim.evicts.includes(model)))
        continue
      slots += resident.slots
      soonestMs = Math.min(soonestMs, resident.freeInMs)
      serviceMs = this.s.serviceMs(model)
    }
    return slots === 0 ? Infinity : soonestMs + ((nth - 1) / slots) * serviceMs
  }
}
