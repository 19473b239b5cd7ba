/** Who can be on one roster at a time. The seat is the roster's to write. */
export interface Seated {
  seat: number
}

/**
 * Those who are here now, where thousands come and go in a second: a set that leaves no garbage which keeps others.
 *
 * A `Set` or `Map` of V8 makes a new table every few deletions, and the old one points to the new one and to what it
 * held. Where one such table has grown old, all tables after it are kept until the next full collection, and all that was
 * in them: a quarter of everything that requests of the gateway had made was copied instead of forgotten.
 */
export class Roster<M extends Seated> {
  readonly #members: M[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: M): void {
    member.seat = this.#members.push(member) - 1
  }

  /** False: it was not here. The last one takes its seat. */
  remove(member: M): boolean {
    const { seat } = member
    if (this.#members[seat] !== member) return false
    const last = this.#members.pop()
    if (last !== undefined && last !== member) {
      this.#members[seat] = last
      last.seat = seat
    }
    member.seat = NOWHERE
    return true
  }

  /** As they are now: whoever comes or goes meanwhile changes nothing. */
  now(): readonly M[] {
    return [...this.#members]
  }
}

export const NOWHERE = -1
