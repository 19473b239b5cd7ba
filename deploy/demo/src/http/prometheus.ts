import type { PerformanceMonitor } from "../engine/performance.ts"

/** Host figures only, of the newest sample: llama-swap's own /metrics knows no tokens, requests or models. */
export function prometheusText(performance: PerformanceMonitor): string {
  const { system, gpus } = performance.latest()
  if (!system) return ""
  const lines: string[] = []
  const gauge = (name: string, help: string, values: [string, number][]) => {
    lines.push(`# HELP llamaswap_${name} ${help}`, `# TYPE llamaswap_${name} gauge`)
    for (const [labels, value] of values) lines.push(`llamaswap_${name}${labels} ${value}`)
  }
  const mib = 1024 * 1024
  gauge(
    "cpu_util_percent",
    "CPU utilization per core.",
    system.cpu_util_per_core.map((value, core) => [`{core="${core}"}`, value]),
  )
  gauge("memory_total_bytes", "Total memory.", [["", system.mem_total_mb * mib]])
  gauge("memory_used_bytes", "Used memory.", [["", system.mem_used_mb * mib]])
  gauge("memory_free_bytes", "Free memory.", [["", system.mem_free_mb * mib]])
  gauge("swap_total_bytes", "Total swap.", [["", system.swap_total_mb * mib]])
  gauge("swap_used_bytes", "Used swap.", [["", system.swap_used_mb * mib]])
  gauge("load_average", "Load average.", [
    ['{interval="1m"}', system.load_avg_1],
    ['{interval="5m"}', system.load_avg_5],
    ['{interval="15m"}', system.load_avg_15],
  ])
  const ofGpus = (value: (gpu: (typeof gpus)[number]) => number): [string, number][] =>
    gpus.map((gpu) => [`{id="${gpu.id}",name="${gpu.name}",uuid="${gpu.uuid}"}`, value(gpu)])
  if (gpus.length > 0) {
    gauge(
      "gpu_temperature_celsius",
      "GPU temperature.",
      ofGpus((gpu) => gpu.temp_c),
    )
    gauge(
      "gpu_util_percent",
      "GPU utilization.",
      ofGpus((gpu) => gpu.gpu_util_pct),
    )
    gauge(
      "gpu_memory_used_bytes",
      "GPU memory used.",
      ofGpus((gpu) => gpu.mem_used_mb * mib),
    )
    gauge(
      "gpu_memory_total_bytes",
      "GPU memory.",
      ofGpus((gpu) => gpu.mem_total_mb * mib),
    )
    gauge(
      "gpu_power_draw_watts",
      "GPU power.",
      ofGpus((gpu) => gpu.power_draw_w),
    )
  }
  return `${lines.join("\n")}\n`
}
