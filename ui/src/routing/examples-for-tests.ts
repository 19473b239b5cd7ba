import { RouteDispatch, RouteExplanation, RouteScores, RouteTarget } from "@boocontrol/shared/routing"
import type { RouteCandidate, RouteScore } from "@boocontrol/shared/routing"
import { instantOf } from "@boocontrol/shared/time"
import { NOW } from "../test/examples.ts"

export const candidate = (provider: string, more: Partial<RouteCandidate> = {}): RouteCandidate => ({
  ...{ kind: "host", provider_id: provider, model: "coder", state: "ready", verdict: "beaten", reason: null },
  ...{ why: `why ${provider}`, score: 1200 },
  terms: {
    ...{ wait_ms: 0, load_ms: 0, prefill_ms: 600, ttft_ms: 600, push_out_ms: 0, decode_ms: 1000 },
    ...{ cost: 0.1, quality: 0.7, warm_share: 0 },
  },
  basis: { load: "measured", speed: "measured", cost: "measured", quality: "prior" },
  ...more,
})

export const explanation = (more: Partial<RouteExplanation> = {}): RouteExplanation =>
  RouteExplanation.parse({
    ...{
      at: instantOf(NOW),
      model: "auto:work",
      as: "policy",
      policy: "work",
      policy_version: 0,
      rule: "agents",
    },
    ...{ order: "fast", refusal: null, collisions: [], chosen: { provider_id: "box", model: "coder" } },
    rules: [
      { name: "agents", is_used: true, misses: [] },
      { name: "rest", is_used: false, misses: [] },
    ],
    candidates: [candidate("box", { verdict: "chosen" }), candidate("lab")],
    ...more,
  })

export const decision = (id: string, more: Partial<RouteDispatch> = {}): RouteDispatch =>
  RouteDispatch.parse({
    ...{ id, ts: instantOf(NOW), request_id: `r-${id}`, asked_model: "auto:work", resolved_as: "policy" },
    ...{ policy: "work", policy_version: 1, rule: "agents", source: "people", key_label: null },
    ...{ endpoint: "messages", attempt: 1, provider_id: "box", model: "coder", swap: false, wait_ms: 0 },
    ...{ expected_ttft_ms: 1, ttft_ms: 1, duration_ms: 1, outcome: "ok", reason: null, cost: null },
    candidates: [candidate("box", { verdict: "chosen" }), candidate("lab")],
    ...more,
  })

export const SCORES = RouteScores.parse({
  ...{ at: instantOf(NOW), collisions: [] },
  virtual: [
    {
      ...{ id: "auto:work", description: "work", context_length: null, capabilities: [], loaded: true },
      hosts: [{ host: "box", state: "ready" }],
    },
  ],
  rows: [
    {
      ...{ kind: "host", provider_id: "box", model: "coder", quant: null, state: "ready", status: "loaded" },
      ...{ inflight: 0, load_ms: 1, prompt_tps: 1, gen_tps: 1, context_length: 1, cost_per_mtok: 1 },
      ...{ quality: {}, best_for: ["code"] },
    },
  ],
})

export const aTarget = (more: Record<string, unknown> = {}): RouteTarget =>
  RouteTarget.parse({
    ...{ target_id: "deepseek", display_name: "DeepSeek", dialect: "openai", enabled: true },
    ...{ base_url: "https://api.deepseek.com", max_concurrent: 16, has_credential: true },
    models: [
      {
        ...{ id: "deepseek-chat", input_per_mtok: 0.27, output_per_mtok: 1.1, context_length: 128_000 },
        ...{ capabilities: ["tools"], quality: { code: 0.8 } },
      },
    ],
    ...{ created_at: instantOf(NOW), updated_at: instantOf(NOW) },
    ...more,
  })

export const targetScore = (model: string, more: Partial<RouteScore> = {}): RouteScore => ({
  ...{ kind: "target", provider_id: "deepseek", model, quant: null, state: null, status: "loaded" },
  ...{ inflight: 3, load_ms: null, prompt_tps: null, gen_tps: null, context_length: null },
  ...{ cost_per_mtok: 1.1, quality: {}, best_for: [] },
  ...more,
})
