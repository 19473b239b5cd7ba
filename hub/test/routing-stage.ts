import { expect } from "vitest"
import type { FleetHost } from "@boocontrol/shared/fleet"
import type { ModelReading } from "@boocontrol/shared/models"
import { NewTarget, RouteTarget } from "@boocontrol/shared/routing"
import { at, hostId, hostRow, model } from "./example-host.ts"
import { newHost } from "../src/fleet/new-host.ts"
import { manualClock } from "../src/platform/clock-manual.ts"
import { affinity } from "../src/routing/core/affinity.ts"
import { decide } from "../src/routing/core/decide.ts"
import type { Deciding } from "../src/routing/core/decide.ts"
import type { DispatchEnd } from "../src/routing/dispatch-log.ts"
import { createLiveView } from "../src/routing/live-view.ts"
import { createMeasured } from "../src/routing/measured.ts"
import type { RoutingParts } from "../src/routing/parts.ts"
import { openPassage } from "../src/routing/passage.ts"
import type { Attempt } from "../src/routing/passage.ts"
import type { GatewayAsk } from "../src/routing/ports.ts"
import { policy } from "../src/routing/view-for-tests.ts"
import { createWaitingRoom } from "../src/routing/waiting-room.ts"

export const USUAL: GatewayAsk = {
  ...{
    requestId: "r",
    endpoint: "chat",
    servedBy: "any",
    model: "m",
    stream: true,
    source: "people",
    keyLabel: null,
    lease: null,
  },
  ...{ promptBytes: 400, maxTokens: null, hasTools: false, hasImages: false, session: null, prefix: null },
  headers: new Map(),
  ...{ path: "/v1/chat/completions", clientIp: "10.0.0.9", userAgent: "curl/8" },
}

/** Hosts whose state a test sets, and passages through them: no gateway, no Postgres, and time stands still. */
export function stage() {
  const clock = manualClock()
  const hosts = new Map<string, FleetHost>()
  const ends: DispatchEnd[] = []
  const own = new Set<string>()
  /** Hosts by the failures that count against them. */
  const counted: string[] = []
  const measured = createMeasured()
  const out = { order: "listed" as const, candidates: [{ targets: ["*"] }, {}] }
  const policies = new Map([
    ["auto", policy({ name: "auto", rules: [{ order: "fast" }] })],
    ["out", policy({ name: "out", rules: [out] })],
  ])
  const targets: RouteTarget[] = []
  const view = createLiveView({
    ...{ measured, leases: { leaseOf: () => null }, scores: { quality: () => null }, targets: () => targets },
    ...{
      fleet: { hosts: () => [...hosts.values()] },
      policies: () => policies.keys(),
      isOwn: (id: string) => own.has(id),
    },
  })
  const warm = affinity()
  const deciding = (): Deciding => ({
    ...{ ...view.current(), policies, health: () => "closed" },
    moment: {
      ...{ nowMs: clock.now(), ahead: room.ahead, use: () => ({ perMs: 0, warmTokens: 0 }) },
      warmShare: (host, one, ask) =>
        ask.session === null
          ? 0
          : warm.share([ask.session], { host, model: one.id, instance: one.instance }, 1000),
    },
  })
  const room = createWaitingRoom({
    ...{ clock, view: () => view.current().view, decide: (ask, tried) => decide(ask, tried, deciding()) },
  })
  const parts: RoutingParts = {
    ...{
      clock,
      room,
      policyOf: () => null,
      answered: () => undefined,
      undecided: () => undefined,
      failed: (provider: string) => void counted.push(provider),
    },
    decide: (ask, tried) => decide(ask, tried, deciding()),
    sent(id, provider, name) {
      own.add(id)
      view.sent(provider, name, 1)
    },
    ended(id, provider, name) {
      own.delete(id)
      view.sent(provider, name, -1)
      room.look()
    },
    succeeded: () => undefined,
    addressOf: (place) => ({
      ...{ host: place.kind === "host" ? hostId(place.host.id) : null, target: null },
      ...{ baseUrl: "http://x", upstreamKey: null, dialect: "openai" },
    }),
    placeNow: () => null,
    isAtWork: () => false,
    log: (end) => void ends.push(end),
  }
  let serial = 0
  return {
    ...{ clock, ends, room, counted, measured },
    target(id: string, maxConcurrent: number, more: Partial<RouteTarget> = {}): void {
      const models = [{ id: "big", input_per_mtok: 1, output_per_mtok: 4 }]
      const given = { target_id: id, display_name: id, dialect: "openai", base_url: "http://x", models }
      const made = NewTarget.parse({ ...given, max_concurrent: maxConcurrent })
      const row = { ...made, has_credential: true, created_at: at(0), updated_at: at(0), ...more }
      targets.push(RouteTarget.parse(row))
      view.stale()
    },
    /** What a host says of itself. */
    host(name: string, models: readonly ModelReading[], more: Partial<FleetHost> = {}): void {
      const state = newHost(
        { row: hostRow(name, { tags: ["slots:2"] }), prefs: new Map(), last: null, seq: 1 },
        clock.now(),
      )
      const shown = {
        ...state.shown,
        liveness: "connected" as const,
        advertise_url: "http://x:1",
        inflight: [],
        inflight_total: 0,
      }
      const known = models.map((one) => ({ ...one, favorite: false, hidden: false }))
      hosts.set(name, { ...shown, models: known, ...more })
      view.stale()
      room.look()
    },
    ask(more: Partial<GatewayAsk> = {}) {
      const passage = openPassage({ ...USUAL, requestId: `r${serial++}`, ...more }, parts)
      return { passage, leave: () => passage.close({ outcome: "left" }), next: () => passage.next() }
    },
  }
}

export const ready = (id: string): ModelReading => model(id, "ready", { state_since: at(0) })
export const stopped = (id: string): ModelReading => model(id, "stopped", { load_ms_typical: 20_000 })
export const attempt = (given: unknown): Attempt => {
  expect(given).toMatchObject({ kind: "attempt" })
  return given as Attempt
}
export const facts = { status: 200, firstByteMs: 10, durationMs: 100, usage: null }

export const EARLY = { afterFirstByte: false, afterMs: 3, mayBeTheRequest: false } as const
