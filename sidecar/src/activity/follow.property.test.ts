import type { ObservedRequest } from "@boocontrol/shared/activity"
import { SwapEpoch } from "@boocontrol/shared/ids"
import { epochMsOf, instantOf } from "@boocontrol/shared/time"
import fc from "fast-check"
import { expect, it } from "vitest"
import type { ActivityCursor } from "../ports.ts"
import { beginFollow, cursorOf, onConnected, onEnded, readFrom, reconcile } from "./core.ts"
import type { Follow } from "./core.ts"
import type { StoredRow } from "./ports.ts"

/** A row of the world, with the store it truly stood in. */
type TrueRow = StoredRow & { store: number; claimable: boolean }

type Op =
  | { do: "request"; model: number; duration: number; rings: boolean }
  | { do: "restart"; seen: boolean }
  | { do: "reload"; inflight: number }
  | { do: "late" }
  | { do: "safety" }
  | { do: "cut" }
  | { do: "sidecar"; cursor: boolean; hub: boolean; unsaved: boolean }

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("request" as const),
      model: fc.nat(1),
      duration: fc.nat(3),
      rings: fc.boolean(),
    }),
  },
  fc.record({ do: fc.constant("restart" as const), seen: fc.boolean() }),
  fc.record({ do: fc.constant("reload" as const), inflight: fc.nat(2) }),
  fc.constant({ do: "late" as const }),
  fc.constant({ do: "safety" as const }),
  fc.constant({ do: "cut" as const }),
  fc.record({
    do: fc.constant("sidecar" as const),
    cursor: fc.boolean(),
    hub: fc.boolean(),
    unsaved: fc.boolean(),
  }),
)

interface Engine {
  /** A file store lives on over restarts, and nothing in it is pruned. */
  persistent: boolean
  /** Up to v235: ids from 0, and a reload forgets the rows too. */
  old: boolean
  cap: number
}

const PAGE = 3
const LATE_MS = 30_000

/** Engine, sidecar and hub as far as rows are concerned. Time goes on by a second with everything that happens. */
class World {
  private readonly engine: Engine
  private clock = 1_700_000_000_000
  private store = 0
  private nextId: number
  rows: TrueRow[] = []
  readonly all: TrueRow[] = []
  readonly hub: ObservedRequest[] = []
  readonly gaps: { from: number; to: number }[] = []
  /** In flight when its store was replaced: it ends there all the same, within the grace time. */
  private late: { store: number; id: number; untilMs: number; claimable: boolean }[] = []
  private follow: Follow | null = null
  private saved: ActivityCursor | null = null
  private connected = false
  private epochs = 0
  private loseNextSave = false
  /** The old life ended under our eyes, all of it read; a further life is one that nobody followed. */
  private endSeen = false
  private unseenLife = false

  constructor(engine: Engine) {
    this.engine = engine
    this.nextId = engine.old ? 0 : 1
  }

  apply(op: Op): void {
    this.clock += 1000
    switch (op.do) {
      case "request":
        return this.request(op)
      case "restart":
        return this.restart(op.seen)
      case "reload":
        return this.reload(op.inflight)
      case "late":
        return this.endLate()
      case "safety":
        return this.read()
      case "cut":
        return this.disconnect({ complete: false, inflight: null })
      case "sidecar":
        return this.restartSidecar(op)
    }
  }

  /** Everything settles: a request, a connection, and all that can be read. */
  settle(): void {
    this.clock += 1000
    this.request({ model: 0, duration: 1, rings: false })
    this.read()
  }

  private request({ model, duration, rings }: { model: number; duration: number; rings: boolean }): void {
    const claimable = (this.follow?.last ?? null) !== null
    const row = this.row({ id: this.nextId++, model, duration, claimable })
    this.rows.push(row)
    this.all.push(row)
    if (!this.engine.persistent) this.rows = this.rows.slice(-this.engine.cap)
    if (rings && this.connected) this.read()
  }

  private row(of: { id: number; model: number; duration: number; claimable: boolean }): TrueRow {
    return {
      swap_entry_id: of.id,
      ts: instantOf(this.clock),
      model: `m${of.model}`,
      req_path: null,
      status_code: 200,
      duration_ms: of.duration,
      cache_tokens: null,
      input_tokens: null,
      prompt_tokens: null,
      uncached_tokens: null,
      token_basis: "unknown",
      output_tokens: null,
      prompt_tps: null,
      gen_tps: null,
      draft_tokens: null,
      draft_accepted: null,
      error: null,
      has_capture: false,
      store: this.store,
      claimable: of.claimable,
    }
  }

  private reload(inflight: number): void {
    const seen = this.connected
    // What nobody sees can be claimed only where an older row shows that there was something to lose.
    const claimable = seen ? inflight > 0 : (this.follow?.last ?? null) !== null
    if (seen) this.read()
    this.disconnect({ complete: seen, inflight: seen ? inflight : null })
    if (seen && inflight === 0) this.endSeen = true
    else if (this.engine.old) this.unseenLife ||= this.endSeen
    if (!this.engine.old) return
    const untilMs = this.clock + LATE_MS
    for (let count = 0; count < inflight; count++)
      this.late.push({ store: this.store, id: this.nextId + count, untilMs, claimable })
    this.forget()
  }

  private endLate(): void {
    const late = this.late.shift()
    if (!late || this.clock > late.untilMs) return
    const row = this.row({ id: late.id, model: 0, duration: 9, claimable: late.claimable })
    this.all.push({ ...row, store: late.store })
  }

  private restart(seen: boolean): void {
    this.late = []
    if (seen && this.connected) {
      this.read()
      this.disconnect({ complete: true, inflight: 0 })
      this.endSeen = true
    } else {
      this.unseenLife ||= this.endSeen
      this.disconnect({ complete: false, inflight: null })
    }
    if (!this.engine.persistent) this.forget()
  }

  private forget(): void {
    if (this.endSeen)
      for (const row of this.all) if (row.store === this.store) row.claimable &&= this.seen(row)
    this.rows = []
    this.store += 1
    this.nextId = this.engine.old ? 0 : 1
  }

  private disconnect(end: { complete: boolean; inflight: number | null }): void {
    if (this.connected && this.follow)
      this.follow = onEnded(this.follow, { ...end, at: instantOf(this.clock) })
    this.connected = false
  }

  private restartSidecar({
    cursor,
    hub,
    unsaved,
  }: {
    cursor: boolean
    hub: boolean
    unsaved: boolean
  }): void {
    if (!cursor) this.saved = null
    const newest = this.hub.at(-1)
    const known = this.saved ?? (hub && newest ? cursorOf(newest) : null)
    if (!known) for (const row of [...this.all, ...this.late]) row.claimable = false
    this.follow = beginFollow(known, this.freshEpoch())
    this.connected = false
    this.loseNextSave = unsaved
  }

  private read(): void {
    this.follow ??= beginFollow(this.saved, this.freshEpoch())
    const connection = { unseenLife: this.unseenLife, at: instantOf(this.clock) }
    if (!this.connected) this.follow = onConnected(this.follow, connection)
    this.connected = true
    this.unseenLife = false
    this.endSeen = false
    for (let again = true; again;) {
      const from = readFrom(this.follow)
      const found = this.rows.filter(({ swap_entry_id: id }) => id >= from)
      const page = {
        rows: found.slice(0, PAGE),
        more: found.length > PAGE,
        ...(this.engine.old ? { firstId: 0, lateMs: LATE_MS } : { firstId: 1 }),
      }
      const decision = reconcile(this.follow, page, { now: instantOf(this.clock), fresh: this.freshEpoch() })
      for (const { note, detail } of decision.notes)
        if (note === "gap_suspected")
          this.gaps.push({ from: epochMsOf(detail["from"] as never), to: epochMsOf(detail["to"] as never) })
      for (const row of decision.rows) this.store_(row)
      const newest = decision.rows.at(-1)
      this.follow = newest ? { ...decision.follow, last: cursorOf(newest) } : decision.follow
      if (newest && !this.loseNextSave) this.saved = cursorOf(newest)
      if (newest) this.loseNextSave = false
      again = decision.again
    }
  }

  /** The hub's rule: one identity, and a row of a new epoch that equals a stored one is that row. */
  private store_(row: ObservedRequest): void {
    const same = (one: ObservedRequest) =>
      one.swap_entry_id === row.swap_entry_id &&
      one.ts === row.ts &&
      one.model === row.model &&
      one.duration_ms === row.duration_ms &&
      one.output_tokens === row.output_tokens
    if (!this.hub.some(same)) this.hub.push(row)
  }

  seen(row: TrueRow): boolean {
    return this.hub.some((one) => one.swap_entry_id === row.swap_entry_id && one.ts === row.ts)
  }

  private freshEpoch(): SwapEpoch {
    this.epochs += 1
    return SwapEpoch.parse(`00000000-0000-4000-8000-${String(this.epochs).padStart(12, "0")}`)
  }
}

const engine: fc.Arbitrary<Engine> = fc
  .record({
    persistent: fc.boolean(),
    old: fc.boolean(),
    cap: fc.integer({ min: 2, max: 12 }),
  })
  .map((one) => (one.old ? { ...one, persistent: false } : one))

it("stores every surviving row once and tells of each lost one, whatever happens to engine and sidecar", () => {
  fc.assert(
    fc.property(engine, fc.array(op, { maxLength: 60 }), (kind, ops) => {
      const world = new World(kind)
      for (const one of ops) world.apply(one)
      world.settle()
      for (const row of world.rows) expect(world.seen(row)).toBe(true)
      const identities = world.hub.map(({ swap_entry_id: id, ts }) => `${id}@${ts}`)
      expect(new Set(identities).size).toBe(identities.length)
      for (const row of world.all) {
        if (!row.claimable || world.seen(row)) continue
        const ms = epochMsOf(row.ts)
        expect(world.gaps.some(({ from, to }) => from <= ms && ms <= to)).toBe(true)
      }
    }),
    { numRuns: 10_000 },
  )
})
