// The log of -q -x, as much of it as readers look at.
import { isGeforce, reserved, used } from "./fields.mjs"

export function tag(name, value, depth) {
  return `${"\t".repeat(depth)}<${name}>${value}</${name}>\n`
}

function group(name, depth, body) {
  return `${"\t".repeat(depth)}<${name}>\n${body}${"\t".repeat(depth)}</${name}>\n`
}

export function xmlGpu(gpu, state) {
  const { kind, reading } = gpu
  const apps = state.apps.filter((app) => app.gpu === gpu.index)
  const percentOf = (value) => (kind.mig ? "N/A" : `${Math.round(value)} %`)
  const migs = Array.from({ length: kind.mig?.count ?? 0 }, (_, index) =>
    group(
      "mig_device",
      3,
      tag("index", index, 4) +
        tag("gpu_instance_id", index + 7, 4) +
        tag("compute_instance_id", 0, 4) +
        group(
          "fb_memory_usage",
          4,
          tag("total", `${kind.mig.memoryMib} MiB`, 5) +
            tag("reserved", "0 MiB", 5) +
            tag("used", "12 MiB", 5) +
            tag("free", `${kind.mig.memoryMib - 12} MiB`, 5),
        ),
    ),
  ).join("")
  const processes = apps
    .map((app) =>
      group(
        "process_info",
        3,
        tag("gpu_instance_id", "N/A", 4) +
          tag("compute_instance_id", "N/A", 4) +
          tag("pid", app.pid, 4) +
          tag("type", "C", 4) +
          tag(
            "process_name",
            state.os === "windows" ? "Insufficient Permissions" : "/opt/llama.cpp/llama-server",
            4,
          ) +
          tag("used_memory", state.os === "windows" ? "N/A" : `${app.usedMib} MiB`, 4),
      ),
    )
    .join("")
  const body =
    tag("product_name", kind.name, 2) +
    tag("product_brand", isGeforce(gpu) ? "GeForce" : "NVIDIA", 2) +
    tag("product_architecture", kind.architecture.charAt(0).toUpperCase() + kind.architecture.slice(1), 2) +
    tag("display_active", state.os === "windows" ? "Enabled" : "Disabled", 2) +
    tag("persistence_mode", state.os === "windows" ? "N/A" : "Enabled", 2) +
    group(
      "mig_mode",
      2,
      tag("current_mig", kind.mig ? "Enabled" : "N/A", 3) +
        tag("pending_mig", kind.mig ? "Enabled" : "N/A", 3),
    ) +
    (kind.mig
      ? group("mig_devices", 2, migs)
      : tag("mig_devices", "None", 2).replace("None", "\n\t\t\tNone\n\t\t")) +
    group(
      "driver_model",
      2,
      tag("current_dm", state.os === "windows" ? "WDDM" : "N/A", 3) +
        tag("pending_dm", state.os === "windows" ? "WDDM" : "N/A", 3),
    ) +
    tag("serial", isGeforce(gpu) ? "N/A" : gpu.serial, 2) +
    tag("uuid", gpu.uuid, 2) +
    tag("minor_number", gpu.index, 2) +
    tag("vbios_version", "96.02.26.48.A4", 2) +
    group(
      "pci",
      2,
      tag("pci_bus", gpu.busId.slice(9, 11), 3) +
        tag("pci_bus_id", gpu.busId, 3) +
        group(
          "pci_gpu_link_info",
          3,
          group(
            "pcie_gen",
            4,
            tag("max_link_gen", kind.pcie.generation, 5) + tag("current_link_gen", kind.pcie.generation, 5),
          ) +
            group(
              "link_widths",
              4,
              tag("max_link_width", `${kind.pcie.width}x`, 5) +
                tag("current_link_width", `${kind.pcie.width}x`, 5),
            ),
        ),
    ) +
    tag("fan_speed", kind.hasFan ? `${Math.round(reading.fanPercent)} %` : "N/A", 2) +
    tag("performance_state", `P${reading.pstate}`, 2) +
    group(
      "fb_memory_usage",
      2,
      tag("total", `${kind.memoryMib} MiB`, 3) +
        tag("reserved", `${reserved(gpu)} MiB`, 3) +
        tag("used", `${used(gpu)} MiB`, 3) +
        tag("free", `${Math.max(0, kind.memoryMib - used(gpu) - reserved(gpu))} MiB`, 3),
    ) +
    tag("compute_mode", "Default", 2) +
    group(
      "utilization",
      2,
      tag("gpu_util", percentOf(reading.utilization), 3) +
        tag("memory_util", percentOf(reading.memoryUtilization), 3) +
        tag("encoder_util", "0 %", 3) +
        tag("decoder_util", "0 %", 3),
    ) +
    group(
      "temperature",
      2,
      tag("gpu_temp", `${Math.round(reading.temperatureC)} C`, 3) +
        tag("gpu_temp_max_threshold", "98 C", 3) +
        tag("gpu_temp_slow_threshold", "95 C", 3) +
        tag(
          "memory_temp",
          kind.reportsMemoryTemperature ? `${Math.round(reading.memoryTemperatureC)} C` : "N/A",
          3,
        ),
    ) +
    group(
      "gpu_power_readings",
      2,
      tag("power_state", `P${reading.pstate}`, 3) +
        tag("power_draw", `${reading.powerW.toFixed(2)} W`, 3) +
        tag("current_power_limit", `${kind.powerLimitW.toFixed(2)} W`, 3) +
        tag("max_power_limit", `${kind.powerLimitW.toFixed(2)} W`, 3),
    ) +
    group(
      "clocks",
      2,
      tag("graphics_clock", `${Math.round(reading.smMhz)} MHz`, 3) +
        tag("sm_clock", `${Math.round(reading.smMhz)} MHz`, 3) +
        tag("mem_clock", `${reading.memoryMhz} MHz`, 3),
    ) +
    group("processes", 2, processes)
  return `\t<gpu id="${gpu.busId}">\n${body}\t</gpu>\n`
}
