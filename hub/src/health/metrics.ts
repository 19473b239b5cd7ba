import type { FastifyInstance } from "fastify"
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client"
import type { GpuSample } from "@boocontrol/shared/telemetry"
import { describeRoute } from "../platform/http.ts"
import type { GatewayEnd, MetricsPort } from "./ports.ts"

const GPU_GAUGES = {
  util_pct: "GPU utilisation, percent",
  mem_used_mib: "VRAM in use, MiB",
  mem_total_mib: "VRAM, MiB",
  temp_c: "GPU temperature, degrees Celsius",
  power_w: "GPU power, watts",
} as const satisfies Partial<Record<keyof GpuSample, string>>

const FIRST_BYTE_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80]
const DURATION_BUCKETS_S = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

type Labels = Record<string, string>
const LABELS = ["liveness", "host", "gpu", "stream", "outcome", "table"]

/** `GET /metrics`: everything is read when it is asked for, and what is not known is left out. */
export function createMetrics(parts: MetricsPort) {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: "boo_hub_" })

  const gauge = (name: string, help: string, read: () => Iterable<[number | null, Labels?]>): void => {
    const made = new Gauge({
      ...{ name, help, registers: [registry], labelNames: LABELS },
      collect() {
        made.reset()
        for (const [value, labels] of read()) if (value !== null) made.set(labels ?? {}, value)
      },
    })
  }

  gauge("boo_hosts", "Hosts by liveness", () =>
    Object.entries(parts.liveness()).map(([liveness, count]) => [count, { liveness }]),
  )
  gauge("boo_host_inflight", "Requests in flight", () =>
    parts.hosts().map(({ provider_id, inflight_total }) => [inflight_total, { host: provider_id }]),
  )
  gauge("boo_host_requests_per_minute", "Finished requests of the last minute", () =>
    parts.hosts().map(({ provider_id, rates }) => [rates?.requests_per_min ?? null, { host: provider_id }]),
  )
  gauge("boo_host_models_ready", "Models that are loaded", () =>
    parts
      .hosts()
      .map(({ provider_id, liveness, models }) => [
        liveness === "connected" ? models.filter((model) => model.state === "ready").length : null,
        { host: provider_id },
      ]),
  )
  gauge("boo_host_spool_messages", "Messages that wait on a host's disk", () =>
    parts.hosts().map(({ provider_id, spool }) => [spool?.depth ?? null, { host: provider_id }]),
  )
  for (const [name, help] of Object.entries(GPU_GAUGES)) {
    gauge(`boo_gpu_${name}`, help, () =>
      parts
        .hosts()
        .flatMap(({ provider_id: host, sample }) =>
          (sample?.gpu ?? []).map((gpu): [number | null, Labels] => [
            gpu[name as keyof typeof GPU_GAUGES],
            { host, gpu: String(gpu.index) },
          ]),
        ),
    )
  }
  gauge("boo_ingest_lag_seconds", "From emitted to stored, of the last batch, by the host's clock", () =>
    parts.streams().map(({ stream, lagMs }) => [lagMs === null ? null : lagMs / 1000, { stream }]),
  )
  gauge("boo_ingest_messages", "Messages of a stream since this hub started", () =>
    parts.streams().flatMap(({ stream, ...counters }) => [
      [counters.stored, { stream, outcome: "stored" }],
      [counters.deadLetters, { stream, outcome: "dead_letter" }],
      [counters.disabled, { stream, outcome: "disabled" }],
    ]),
  )
  gauge(
    "boo_rows_without_partition",
    "Rows in default partitions, as last counted; more than 0 wants a look",
    () => Object.entries(parts.defaultRows()).map(([table, rows]) => [rows, { table }]),
  )
  gauge("boo_sockets", "Cockpits connected", () => [[parts.sockets().clients]])
  gauge("boo_socket_frames", "Frames sent to cockpits since this hub started", () => [
    [parts.sockets().frames, { outcome: "sent" }],
    [parts.sockets().lost, { outcome: "lost" }],
  ])

  const endpoint = { labelNames: ["endpoint"], registers: [registry] }
  const requests = new Counter({
    ...{ name: "boo_gateway_requests_total", help: "Requests of the gateway by how they ended" },
    ...{ registers: [registry], labelNames: ["endpoint", "outcome"] },
  })
  const detours = new Counter({
    ...{ name: "boo_gateway_failovers_total", help: "Attempts of the gateway beyond the first", ...endpoint },
  })
  const firstByte = new Histogram({
    ...{ name: "boo_gateway_first_byte_seconds", help: "From a request to the first byte of its answer" },
    ...{ ...endpoint, buckets: FIRST_BYTE_BUCKETS_S },
  })
  const duration = new Histogram({
    ...{ name: "boo_gateway_duration_seconds", help: "From a request to the end of its answer" },
    ...{ ...endpoint, buckets: DURATION_BUCKETS_S },
  })

  return {
    /** A request of the gateway is over. */
    gatewayEnded({ kind, outcome, attempts, firstByteMs, durationMs }: GatewayEnd): void {
      requests.inc({ endpoint: kind, outcome })
      if (attempts > 1) detours.inc({ endpoint: kind }, attempts - 1)
      if (firstByteMs !== null) firstByte.observe({ endpoint: kind }, firstByteMs / 1000)
      if (outcome === "answered") duration.observe({ endpoint: kind }, durationMs / 1000)
    },
    routes: async (app: FastifyInstance): Promise<void> => {
      app.get(
        "/metrics",
        describeRoute({ summary: "Figures for Prometheus", tags: ["health"] }),
        async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
      )
    },
  }
}
