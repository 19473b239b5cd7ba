import type { ActivityRow } from "@boocontrol/shared/activity"
import type { FleetHost, FleetModel } from "@boocontrol/shared/fleet"
import { epochMsOf } from "@boocontrol/shared/time"
import { placeKey } from "./core/view.ts"
import type { Figure } from "./core/view.ts"

/** What a finished request tells of its model. */
type MeasuredRow = Pick<
  ActivityRow,
  "id" | "model" | "prompt_tps" | "gen_tps" | "uncached_tokens" | "output_tokens"
>

/** Rates and times of each model on each host, learned from finished requests: memory only, filled again from history. */
export interface Measured {
  /** Each counts once, however often it comes: a row is told again when more is known of who asked. */
  rows(host: string, rows: readonly MeasuredRow[]): void
  /** How long an attempt of the gateway took, its time to first token left out. */
  promptTps(host: string, model: string): Figure | null
  genTps(host: string, model: string): Figure | null
  serviceMs(host: string, model: string): number | null
  /** From the signal to stop until a model has left its memory. */
  unloadMs(host: string, model: string): Figure | null
  unloaded(host: string, model: string, ms: number): void
  /** Watts a host draws while it answers, all its GPUs. */
  watts(host: string): number | null
  sampled(hosts: readonly FleetHost[]): void
  /** Models that were seen loaded side by side on a host. */
  fitsBeside(host: string, a: string, b: string): boolean
}

/** Of each new measurement; some ten of them make a figure. */
const WEIGHT = 0.15
/** Fewer tokens say more about the clock than about the model. */
const LEAST_PROMPT = 64
const LEAST_OUTPUT = 8

/** A row is told again within a minute or so; twice as many are remembered at most. */
const REMEMBERED = 5_000

export function createMeasured(): Measured {
  let learned = new Set<string>()
  let learnedBefore = new Set<string>()
  const prompt = new Map<string, number>()
  const gen = new Map<string, number>()
  const service = new Map<string, number>()
  const watts = new Map<string, number>()
  const unload = new Map<string, number>()
  /** Since when models are stopping, by the host's clock. */
  const stopping = new Map<string, number>()
  const beside = new Set<string>()

  const learn = (table: Map<string, number>, key: string, value: number): void => {
    const known = table.get(key)
    table.set(key, known === undefined ? value : known + (value - known) * WEIGHT)
  }
  const figure = (table: Map<string, number>, host: string, model: string): Figure | null => {
    const value = table.get(placeKey(host, model))
    return value === undefined ? null : { value, basis: "measured" }
  }
  const seen = (
    key: string,
    { state, state_since: since }: Pick<FleetModel, "state" | "state_since">,
  ): void => {
    const sinceMs = since === null ? null : epochMsOf(since)
    const stoppingMs = stopping.get(key)
    if (state === "stopping") {
      if (sinceMs !== null) stopping.set(key, sinceMs)
    } else if (stoppingMs !== undefined) {
      stopping.delete(key)
      if (sinceMs !== null && sinceMs >= stoppingMs) learn(unload, key, sinceMs - stoppingMs)
    }
  }
  const pair = (host: string, a: string, b: string): string => [host, ...[a, b].sort()].join("\n")

  return {
    rows(host, rows) {
      for (const row of rows) {
        if (learned.has(row.id) || learnedBefore.has(row.id)) continue
        if (learned.size >= REMEMBERED) [learnedBefore, learned] = [learned, new Set()]
        learned.add(row.id)
        const key = placeKey(host, row.model)
        const {
          prompt_tps: promptTps,
          gen_tps: genTps,
          uncached_tokens: uncached,
          output_tokens: output,
        } = row
        if (promptTps !== null && promptTps > 0 && (uncached ?? 0) >= LEAST_PROMPT)
          learn(prompt, key, promptTps)
        if (genTps === null || genTps <= 0 || (output ?? 0) < LEAST_OUTPUT) continue
        learn(gen, key, genTps)
        // The row's own duration has queueing and loads in it: what held the slot is what its rates say.
        const readMs = promptTps !== null && promptTps > 0 ? ((uncached ?? 0) / promptTps) * 1000 : 0
        learn(service, key, readMs + ((output ?? 0) / genTps) * 1000)
      }
    },
    promptTps: (host, model) => figure(prompt, host, model),
    genTps: (host, model) => figure(gen, host, model),
    serviceMs: (host, model) => service.get(placeKey(host, model)) ?? null,
    unloadMs: (host, model) => figure(unload, host, model),
    unloaded: (host, model, ms) => learn(unload, placeKey(host, model), ms),
    watts: (host) => watts.get(host) ?? null,
    sampled(hosts) {
      for (const { provider_id: host, sample, inflight_total: inflight, models } of hosts) {
        const drawn =
          sample?.gpu?.map(({ power_w: power }) => power ?? 0).reduce((sum, one) => sum + one, 0) ?? 0
        for (const model of models) if (model.peer === null) seen(placeKey(host, model.id), model)
        if ((inflight ?? 0) > 0 && drawn > 0) learn(watts, host, drawn)
        const ready = models
          .filter(({ state, peer }) => state === "ready" && peer === null)
          .map(({ id }) => id)
        for (const [index, a] of ready.entries())
          for (const b of ready.slice(index + 1)) beside.add(pair(host, a, b))
      }
    },
    fitsBeside: (host, a, b) => beside.has(pair(host, a, b)),
  }
}
