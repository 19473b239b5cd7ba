import type { LlamaServer, Totals } from "./server.ts"

type Row = [name: string, kind: "counter" | "gauge", help: string, value: (totals: Totals) => number]

const ROWS: Row[] = [
  [
    "prompt_tokens_total",
    "counter",
    "Number of prompt tokens processed, excluding cached tokens",
    (t) => t.promptTokens,
  ],
  [
    "prompt_tokens_cached_total",
    "counter",
    "Number of prompt tokens reused from the cache",
    (t) => t.cachedTokens,
  ],
  ["prompt_seconds_total", "counter", "Total time spent processing prompts", (t) => t.promptMs / 1000],
  ["tokens_predicted_total", "counter", "Number of generation tokens processed", (t) => t.predictedTokens],
  [
    "tokens_predicted_seconds_total",
    "counter",
    "Total time spent generating tokens",
    (t) => t.predictedMs / 1000,
  ],
  ["n_decode_total", "counter", "Total number of llama_decode() calls", (t) => t.predictedTokens],
  [
    "prompt_tokens_seconds",
    "gauge",
    "Average prompt throughput in tokens/s",
    (t) => rate(t.promptTokens, t.promptMs),
  ],
  [
    "predicted_tokens_seconds",
    "gauge",
    "Average generation throughput in tokens/s",
    (t) => rate(t.predictedTokens, t.predictedMs),
  ],
]

/** llama-server's own /metrics; the counters are those of this process. */
export function metricsPage(server: LlamaServer): string {
  const busy = server.slots.filter((slot) => slot.busy).length
  const lines = ROWS.flatMap(([name, kind, help, value]) =>
    metric({ name, kind, help, value: value(server.totals) }),
  )
  const gauge = (name: string, help: string, value: number) => metric({ name, kind: "gauge", help, value })
  return [
    ...lines,
    ...gauge("requests_processing", "Number of requests processing", busy),
    ...gauge("requests_deferred", "Number of requests deferred", server.deferred()),
    "",
  ].join("\n")
}

function metric({ name, kind, help, value }: { name: string; kind: string; help: string; value: number }) {
  return [
    `# HELP llamacpp:${name} ${help}`,
    `# TYPE llamacpp:${name} ${kind}`,
    `llamacpp:${name} ${Number(value.toFixed(5))}`,
  ]
}

function rate(tokens: number, ms: number): number {
  return ms === 0 ? 0 : (1000 * tokens) / ms
}
