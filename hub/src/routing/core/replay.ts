import type { ReplayReply, RouteAsk } from "@boocontrol/shared/routing"
import { decideBy } from "./decide.ts"
import type { Deciding } from "./decide.ts"
import { nameTable } from "./names.ts"
import type { CompiledPolicy } from "./policy.ts"
import type { HostModel, RouteHost, RouteView } from "./view.ts"

/** A stored request as far as it is played again. */
export interface ReplayedRequest {
  readonly atMs: number
  readonly host: string
  readonly model: string
  /** As the decision sees it; what was counted is beside it. */
  readonly ask: RouteAsk
  readonly promptTokens: number
  readonly outputTokens: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

interface Running {
  readonly model: Mutable<HostModel>
  readonly endsMs: number
}

interface Served {
  readonly host: string
  readonly model: string
  readonly ttftMs: number
  readonly cost: number
}

/** A fleet with nothing loaded, of the same hosts, models and rates as the real one has now. */
class Stage {
  readonly view: RouteView
  swaps = 0
  private readonly hosts = new Map<string, RouteHost>()
  private readonly running: Running[] = []
  /** When the last load of a host is over. */
  private readonly loadedAtMs = new Map<string, number>()

  constructor(view: RouteView) {
    const hosts = view.hosts.map((host): RouteHost => {
      const models = host.models.map((model): Mutable<HostModel> => ({
        ...model,
        state: "stopped",
        inflight: 0,
      }))
      for (const model of models)
        Object.defineProperty(model, "evicts", {
          enumerable: true,
          get: () =>
            model.state === "ready" ? [] : models.filter((one) => one.state === "ready").map(({ id }) => id),
        })
      // What a host was like at some moment of last week is not known: it is taken as it should be.
      return { ...host, liveness: "connected", lease: null, baseUrl: host.baseUrl ?? "replayed", models }
    })
    for (const host of hosts) this.hosts.set(host.id, host)
    this.view = { hosts, targets: view.targets.map((target) => ({ ...target, inflight: 0 })) }
  }

  advance(nowMs: number): void {
    for (let index = this.running.length - 1; index >= 0; index--) {
      const one = this.running[index]
      if (!one || one.endsMs > nowMs) continue
      one.model.inflight -= 1
      this.running.splice(index, 1)
    }
  }

  has(host: string, model: string): boolean {
    return this.hosts.get(host)?.models.some(({ id }) => id === model) === true
  }

  serve(hostId: string, modelId: string, request: ReplayedRequest): Served | null {
    const host = this.hosts.get(hostId)
    const model: Mutable<HostModel> | undefined = host?.models.find(({ id }) => id === modelId)
    if (!host || !model) return null
    let startMs = Math.max(request.atMs, model.state === "ready" ? 0 : (this.loadedAtMs.get(hostId) ?? 0))
    if (model.state === "ready") {
      startMs = Math.max(startMs, this.freeAtMs(model))
    } else {
      for (const one of host.models as Mutable<HostModel>[]) {
        if (one.state !== "ready") continue
        startMs = Math.max(
          startMs,
          ...this.running.filter(({ model: at }) => at === one).map(({ endsMs }) => endsMs),
        )
        one.state = "stopped"
      }
      startMs += model.load.value
      model.state = "ready"
      this.loadedAtMs.set(hostId, startMs)
      this.swaps += 1
    }
    startMs = Math.max(startMs, this.loadedAtMs.get(hostId) ?? 0)
    const prefillMs = (request.promptTokens / model.promptTps.value) * 1000
    const endsMs = startMs + prefillMs + (request.outputTokens / model.genTps.value) * 1000
    model.inflight += 1
    this.running.push({ model, endsMs })
    const cost = (request.outputTokens * model.costPerMtok.value) / 1e6
    return { host: hostId, model: modelId, ttftMs: startMs + prefillMs - request.atMs, cost }
  }

  private freeAtMs(model: HostModel): number {
    const ends = this.running.filter((one) => one.model === model).map(({ endsMs }) => endsMs)
    if (ends.length < model.slots) return 0
    return ends.sort((a, b) => b - a)[model.slots - 1] ?? 0
  }
}

/**
 * Plays stored requests twice on the same stage: where they went, and where a policy would send them. Both are
 * simulations, so what the stage gets wrong it gets wrong twice, and the difference is what the policy makes.
 */
export class Replay {
  private readonly was: Stage
  private readonly would: Stage
  private readonly deciding: Omit<Deciding, "moment" | "health">
  private readonly served: { was: Served[]; would: Served[] } = { was: [], would: [] }
  private readonly leftOut: Record<string, number> = {}
  private refused = 0
  private readonly policy: CompiledPolicy

  constructor(policy: CompiledPolicy, view: RouteView) {
    this.policy = policy
    this.was = new Stage(view)
    this.would = new Stage(view)
    this.deciding = { view: this.would.view, names: nameTable(this.would.view, []), policies: new Map() }
  }

  leaveOut(why: string): void {
    this.leftOut[why] = (this.leftOut[why] ?? 0) + 1
  }

  /** Why it cannot be played; null: it was. */
  add(request: ReplayedRequest): string | null {
    if (!this.was.has(request.host, request.model)) return "its model is gone"
    this.was.advance(request.atMs)
    this.would.advance(request.atMs)
    const before = this.was.serve(request.host, request.model, request)
    if (before) this.served.was.push(before)
    const decision = decideBy(this.policy, {
      ask: request.ask,
      tried: new Set(),
      deciding: {
        ...this.deciding,
        health: () => "closed",
        moment: {
          ...{ nowMs: request.atMs, ahead: () => 0, warmShare: () => 0 },
          use: () => ({ perMs: 0, warmTokens: 0 }),
        },
      },
      resolution: {
        as: "policy",
        policy: this.policy.policy.name,
        places: [],
        problem: null,
        collisions: [],
      },
    })
    const best = decision.ranked[0]
    if (!best) {
      this.refused += 1
      return null
    }
    const { place, terms } = best
    const after =
      place.kind === "host"
        ? this.would.serve(place.host.id, place.model.id, request)
        : { host: place.target.id, model: place.model.id, ttftMs: terms.prefill, cost: terms.cost }
    if (after) this.served.would.push(after)
    return null
  }

  result(): Pick<ReplayReply, "as_it_was" | "with_policy" | "left_out" | "by_model"> {
    const counts = new Map<string, { provider_id: string; model: string; requests: number }>()
    for (const { host, model } of this.served.would) {
      const key = `${host}\n${model}`
      const known = counts.get(key) ?? { provider_id: host, model, requests: 0 }
      counts.set(key, { ...known, requests: known.requests + 1 })
    }
    return {
      as_it_was: figures(this.served.was, this.was.swaps, 0),
      with_policy: figures(this.served.would, this.would.swaps, this.refused),
      left_out: this.leftOut,
      by_model: [...counts.values()].sort((a, b) => b.requests - a.requests),
    }
  }
}

function figures(served: readonly Served[], swaps: number, refused: number): ReplayReply["as_it_was"] {
  const ttft = served.map(({ ttftMs }) => ttftMs).sort((a, b) => a - b)
  const at = (share: number): number | null =>
    ttft[Math.min(ttft.length - 1, Math.ceil(ttft.length * share) - 1)] ?? null
  return {
    ...{ requests: served.length, refused, swaps, ttft_p50_ms: at(0.5), ttft_p95_ms: at(0.95) },
    cost: served.length === 0 ? null : served.reduce((sum, { cost }) => sum + cost, 0),
  }
}
