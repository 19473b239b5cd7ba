#!/usr/bin/env node
// Stand-in for nvidia-smi: answers from the state file of one simulated host. Plain JavaScript without imports
// beyond node:fs, because one of these lives beside every simulated host for as long as it is watched.
import { readFileSync, writeSync } from "node:fs"

const args = process.argv.slice(2)
const stateFile = option("--state") ?? process.env["BOO_SIM_GPU_STATE"]
const LOST = "[GPU is lost]"

function option(name) {
  const found = args.find((arg) => arg.startsWith(`${name}=`))
  return found?.slice(name.length + 1)
}

function readState() {
  try {
    return JSON.parse(readFileSync(stateFile, "utf8"))
  } catch {
    return null
  }
}

function out(text) {
  try {
    writeSync(1, text)
  } catch (error) {
    if (error.code !== "EAGAIN") process.exit(0)
  }
}

function fail(text, code) {
  out(text)
  process.exit(code)
}

function noDriver() {
  fail(
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n\n",
    9,
  )
}

const driverMajor = (state) => Number.parseInt(state.driver, 10)
const major = (from) => (state) => driverMajor(state) >= from
const fixed = (digits, unit) => (value) =>
  typeof value === "number" ? `${value.toFixed(digits)}${unit}` : value
const mib = fixed(0, " MiB")
const watt = fixed(2, " W")
const mhz = fixed(0, " MHz")
const percent = fixed(0, " %")
const plain = (value) => String(value)

function clockText(date) {
  const two = (value) => String(value).padStart(2, "0")
  const day = `${date.getFullYear()}/${two(date.getMonth() + 1)}/${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, "0")}`
}

const reasons = (gpu) => {
  if (gpu.reading.utilization < 1) return "0x0000000000000001"
  return gpu.reading.powerW > gpu.kind.powerLimitW * 0.97 ? "0x0000000000000004" : "0x0000000000000000"
}
const power = (gpu) => gpu.reading.powerW
const limit = (gpu) => gpu.kind.powerLimitW
const used = (gpu) => Math.round(gpu.reading.memoryUsedMib)
const reserved = (gpu) => Math.round(gpu.kind.memoryMib * 0.017)
const isGeforce = (gpu) => gpu.kind.name.includes("GeForce")
const NA = "[N/A]"

// name: [aliases], value of a card, how it is printed, description, since which driver.
const FIELDS = [
  [
    ["timestamp"],
    () => clockText(new Date()),
    plain,
    'The timestamp of when the query was made in format "YYYY/MM/DD HH:MM:SS.msec".',
  ],
  [
    ["driver_version"],
    (gpu, state) => state.driver,
    plain,
    "The version of the installed NVIDIA display driver. This is an alphanumeric string.",
  ],
  [["count"], (gpu, state) => state.gpus.length, plain, "The number of NVIDIA GPUs in the system."],
  [
    ["name", "gpu_name"],
    (gpu) => gpu.kind.name,
    plain,
    "The official product name of the GPU. This is an alphanumeric string. For all products.",
  ],
  [
    ["serial", "gpu_serial"],
    (gpu) => (isGeforce(gpu) ? NA : gpu.serial),
    plain,
    "This number matches the serial number physically printed on each board. It is a globally unique immutable alphanumeric value.",
  ],
  [
    ["uuid", "gpu_uuid"],
    (gpu) => gpu.uuid,
    plain,
    "This value is the globally unique immutable alphanumeric identifier of the GPU. It does not correspond to any physical label on the board.",
  ],
  [
    ["pci.bus_id", "gpu_bus_id"],
    (gpu) => gpu.busId,
    plain,
    'PCI bus id as "domain:bus:device.function", in hex.',
  ],
  [
    ["pcie.link.gen.current"],
    (gpu) => (gpu.reading.pstate > 5 ? 1 : gpu.kind.pcie.generation),
    plain,
    "The current PCI-E link generation. These may be reduced when the GPU is not in use.",
  ],
  [
    ["pcie.link.gen.gpucurrent"],
    (gpu) => (gpu.reading.pstate > 5 ? 1 : gpu.kind.pcie.generation),
    plain,
    "The current PCI-E link generation. These may be reduced when the GPU is not in use.",
    major(515),
  ],
  [
    ["pcie.link.gen.max"],
    (gpu) => gpu.kind.pcie.generation,
    plain,
    "The maximum PCI-E link generation possible with this GPU and system configuration.",
  ],
  [
    ["pcie.link.width.current"],
    (gpu) => gpu.kind.pcie.width,
    plain,
    "The current PCI-E link width. These may be reduced when the GPU is not in use.",
  ],
  [
    ["pcie.link.width.max"],
    (gpu) => gpu.kind.pcie.width,
    plain,
    "The maximum PCI-E link width possible with this GPU and system configuration.",
  ],
  [["index"], (gpu) => gpu.index, plain, "Zero based index of the GPU. Can change at each boot."],
  [
    ["display_active"],
    (gpu, state) => (state.os === "windows" && gpu.index === 0 ? "Enabled" : "Disabled"),
    plain,
    "A flag that indicates whether a display is initialized on the GPU's (e.g. memory is allocated on the device for display).",
  ],
  [
    ["persistence_mode"],
    (gpu, state) => (state.os === "windows" ? NA : "Enabled"),
    plain,
    'A flag that indicates whether persistence mode is enabled for the GPU. Value is either "Enabled" or "Disabled".',
  ],
  [["vbios_version"], () => "96.02.26.48.A4", plain, "The BIOS of the GPU board."],
  [
    ["fan.speed"],
    (gpu) => (gpu.kind.hasFan ? gpu.reading.fanPercent : NA),
    percent,
    "The fan speed value is the percent of the product's maximum noise tolerance fan speed that the device's fan is currently intended to run at.",
  ],
  [
    ["pstate"],
    (gpu) => `P${gpu.reading.pstate}`,
    plain,
    "The current performance state for the GPU. States range from P0 (maximum performance) to P12 (minimum performance).",
  ],
  [["clocks_event_reasons.active"], reasons, plain, "Bitmask of active clock event reasons.", major(535)],
  [["clocks_throttle_reasons.active"], reasons, plain, "Bitmask of active clock event reasons."],
  [["memory.total"], (gpu) => gpu.kind.memoryMib, mib, "Total installed GPU memory."],
  [
    ["memory.reserved"],
    reserved,
    mib,
    "Total memory reserved by the NVIDIA driver and firmware.",
    major(495),
  ],
  [["memory.used"], used, mib, "Total memory allocated by active contexts."],
  [
    ["memory.free"],
    (gpu) => Math.max(0, gpu.kind.memoryMib - used(gpu) - reserved(gpu)),
    mib,
    "Total free memory.",
  ],
  [
    ["compute_mode"],
    () => "Default",
    plain,
    "The compute mode flag indicates whether individual or multiple compute applications may run on the GPU.",
  ],
  [
    ["compute_cap"],
    (gpu) => ({ blackwell: "12.0", hopper: "9.0", ampere: "8.6" })[gpu.kind.architecture] ?? "6.1",
    plain,
    "The CUDA Compute Capability, represented as Major DOT Minor.",
    major(510),
  ],
  [
    ["utilization.gpu"],
    (gpu) => (gpu.kind.mig ? NA : gpu.reading.utilization),
    percent,
    "Percent of time over the past sample period during which one or more kernels was executing on the GPU.",
  ],
  [
    ["utilization.memory"],
    (gpu) => (gpu.kind.mig ? NA : gpu.reading.memoryUtilization),
    percent,
    "Percent of time over the past sample period during which global (device) memory was being read or written.",
  ],
  [["encoder.stats.sessionCount"], () => 0, plain, "Number of encoder sessions running on the GPU."],
  [
    ["temperature.gpu"],
    (gpu) => gpu.reading.temperatureC,
    fixed(0, ""),
    "Core GPU temperature. in degrees C.",
  ],
  [
    ["temperature.memory"],
    (gpu) => (gpu.kind.reportsMemoryTemperature ? gpu.reading.memoryTemperatureC : "N/A"),
    fixed(0, ""),
    "HBM memory temperature. in degrees C.",
  ],
  [
    ["power.management"],
    () => "Enabled",
    plain,
    "A flag that indicates whether power management is enabled.",
  ],
  [
    ["power.draw"],
    power,
    watt,
    "The last measured power draw for the entire board, in watts. On Ampere or newer devices, returns average power draw over 1 sec.",
  ],
  [
    ["power.draw.average"],
    (gpu) => (gpu.kind.architecture === "pascal" ? NA : power(gpu)),
    watt,
    "The last measured average power draw for the entire board, in watts.",
    major(530),
  ],
  [
    ["power.draw.instant"],
    (gpu) => (gpu.kind.architecture === "pascal" ? NA : power(gpu)),
    watt,
    "The last measured instant power draw for the entire board, in watts.",
    major(530),
  ],
  [["power.limit"], limit, watt, "The software power limit in watts. Set by software like nvidia-smi."],
  [["enforced.power.limit"], limit, watt, "The power management algorithm's power ceiling, in watts."],
  [["power.default_limit"], limit, watt, "The default power management algorithm's power ceiling, in watts."],
  [["power.max_limit"], limit, watt, "The maximum value in watts that power limit can be set to."],
  [
    ["clocks.current.graphics", "clocks.gr"],
    (gpu) => gpu.reading.smMhz,
    mhz,
    "Current frequency of graphics (shader) clock.",
  ],
  [
    ["clocks.current.sm", "clocks.sm"],
    (gpu) => gpu.reading.smMhz,
    mhz,
    "Current frequency of SM (Streaming Multiprocessor) clock.",
  ],
  [
    ["clocks.current.memory", "clocks.mem"],
    (gpu) => gpu.reading.memoryMhz,
    mhz,
    "Current frequency of memory clock.",
  ],
  [
    ["clocks.max.sm"],
    (gpu) => gpu.kind.maxSmMhz,
    mhz,
    "Maximum frequency of SM (Streaming Multiprocessor) clock.",
  ],
  [["clocks.max.memory"], (gpu) => gpu.kind.memoryMhz, mhz, "Maximum frequency of memory clock."],
  [
    ["ecc.mode.current"],
    (gpu) => (isGeforce(gpu) || gpu.kind.name.includes("P104") ? NA : "Enabled"),
    plain,
    "The ECC mode that the GPU is currently operating under.",
  ],
  [
    ["mig.mode.current"],
    (gpu) => (gpu.kind.mig ? "Enabled" : gpu.kind.name.includes("H100") ? "Disabled" : NA),
    plain,
    "The MIG mode that the GPU is currently operating under.",
    major(450),
  ],
  [
    ["driver_model.current"],
    (gpu, state) => (state.os === "windows" ? "WDDM" : NA),
    plain,
    'The driver model currently in use. Always "N/A" on Linux.',
  ],
]

const APP_FIELDS = {
  timestamp: () => clockText(new Date()),
  gpu_name: (app, gpu) => gpu.kind.name,
  gpu_bus_id: (app, gpu) => gpu.busId,
  gpu_serial: (app, gpu) => (isGeforce(gpu) ? NA : gpu.serial),
  gpu_uuid: (app, gpu) => gpu.uuid,
  pid: (app) => String(app.pid),
  process_name: (app, gpu, state) =>
    state.os === "windows" ? "[Insufficient Permissions]" : "/opt/llama.cpp/llama-server",
  name: (app, gpu, state) => APP_FIELDS.process_name(app, gpu, state),
  used_gpu_memory: (app, gpu, state) => (state.os === "windows" ? NA : `${app.usedMib} MiB`),
  used_memory: (app, gpu, state) => APP_FIELDS.used_gpu_memory(app, gpu, state),
}

function fieldNamed(name, state) {
  const field = FIELDS.find(([names]) => names.includes(name))
  return field && (!field[4] || field[4](state)) ? field : null
}

function helpQueryGpu(state) {
  const parts = FIELDS.filter((field) => !field[4] || field[4](state)).map(
    ([names, , , text]) => `${names.map((name) => `"${name}"`).join(" or ")}\n${text}\n`,
  )
  out(`List of valid properties to query for the switch "--query-gpu=":\n\n${parts.join("\n")}\n`)
}

const UNITS = new Map([
  [mib, "[MiB]"],
  [watt, "[W]"],
  [mhz, "[MHz]"],
  [percent, "[%]"],
])

function csvOptions() {
  const format = (option("--format") ?? "").split(",").map((part) => part.trim())
  return {
    csv: format.includes("csv"),
    header: !format.includes("noheader"),
    units: !format.includes("nounits"),
  }
}

function cell(text, units) {
  return units ? text : text.replace(/ (MiB|W|MHz|%)$/, "")
}

function spoil(text, kind) {
  if (kind === "not-available") return NA
  if (kind === "err") return "ERR!"
  return kind === "gpu-lost" ? LOST : text
}

let lines = 0
/** True where the tick must print nothing more. */
function misbehaves(state) {
  const bad = state.misbehave
  if (!bad || lines < bad.afterLines) return null
  switch (bad.kind) {
    case "hang":
      return "hang"
    case "exit":
      return process.exit(1)
    case "no-driver":
      return noDriver()
    case "garbage":
      out(`\u0000\u00ff%PDF-1.4 {"not":"csv"},,,,\n\n`)
      return "garbage"
    default:
      return bad.kind
  }
}

const MEASURED = /^(utilization|temperature|power\.draw|memory\.used|memory\.free|fan|clocks)/

function printGpus(state, fields, options) {
  const chosen = selected(state)
  for (const gpu of chosen) {
    const bad = misbehaves(state)
    if (bad === "hang" || bad === "garbage") continue
    if (bad === "gpu-lost" && gpu.index === 0) {
      out(
        `Unable to determine the device handle for GPU0: ${gpu.busId}: GPU is lost.  Reboot the system to recover this GPU\n`,
      )
      lines++
      continue
    }
    const cells = fields.map(([name, field]) => {
      const text = cell(field[2](field[1](gpu, state)), options.units)
      return bad && MEASURED.test(name) ? spoil(text, bad) : text
    })
    out(`${cells.join(", ")}\n`)
    lines++
  }
}

function selected(state) {
  const at = args.findIndex((arg) => arg === "-i" || arg === "--id")
  const wanted = at >= 0 ? args[at + 1] : args.find((arg) => arg.startsWith("--id="))?.slice(5)
  if (wanted === undefined) return state.gpus
  return state.gpus.filter(
    (gpu) => wanted.split(",").includes(String(gpu.index)) || wanted.includes(gpu.uuid),
  )
}

function queryGpu(names) {
  const options = csvOptions()
  if (!options.csv) fail(`"--query-gpu=" requires "--format=csv".\n`, 2)
  const state = readState() ?? noDriver()
  const fields = names.map((name) => [name, fieldNamed(name, state)])
  const unknown = fields.find(([, field]) => !field)
  if (unknown) fail(`Field "${unknown[0]}" is not a valid field to query.\n\n`, 2)
  if (options.header) {
    const heads = fields.map(([name, field]) =>
      options.units && UNITS.has(field[2]) ? `${name} ${UNITS.get(field[2])}` : name,
    )
    out(`${heads.join(", ")}\n`)
  }
  repeat(() => printGpus(readState() ?? noDriver(), fields, options))
}

function queryApps(names) {
  const options = csvOptions()
  const state = readState() ?? noDriver()
  const unknown = names.find((name) => !(name in APP_FIELDS))
  if (unknown) fail(`Field "${unknown}" is not a valid field to query.\n\n`, 2)
  if (options.header) {
    const unit = (name) => (options.units && /^used_/.test(name) ? `${name} [MiB]` : name)
    out(`${names.map(unit).join(", ")}\n`)
  }
  repeat(() => {
    const now = readState() ?? noDriver()
    if (misbehaves(now) === "hang") return
    for (const app of now.apps) {
      const gpu = now.gpus[app.gpu]
      out(`${names.map((name) => cell(APP_FIELDS[name](app, gpu, now), options.units)).join(", ")}\n`)
    }
  })
}

function repeat(run) {
  const everyMs = interval()
  run()
  if (everyMs !== null) setInterval(run, everyMs)
  else if (readState()?.misbehave?.kind === "hang") setInterval(() => {}, 1e9)
}

function interval() {
  for (const [short, long, factor] of [
    ["-lms", "--loop-ms", 1],
    ["-l", "--loop", 1000],
  ]) {
    const joined = option(short) ?? option(long)
    const at = args.findIndex((arg) => arg === short || arg === long)
    const text = joined ?? (at >= 0 ? (args[at + 1] ?? "5") : null)
    if (text !== null) return Math.max(10, Number(text) * factor)
  }
  return null
}

function migUuid(gpu, index) {
  return `MIG-${gpu.uuid.slice(4, -2)}${String(index).padStart(2, "0")}`
}

function list() {
  const state = readState() ?? noDriver()
  for (const gpu of state.gpus) {
    out(`GPU ${gpu.index}: ${gpu.kind.name} (UUID: ${gpu.uuid})\n`)
    for (let index = 0; gpu.kind.mig && index < gpu.kind.mig.count; index++) {
      out(
        `  MIG ${gpu.kind.mig.profile}     Device ${String(index).padStart(2)}: (UUID: ${migUuid(gpu, index)})\n`,
      )
    }
  }
}

function version() {
  const state = readState() ?? noDriver()
  out(
    `NVIDIA-SMI version  : ${state.driver}\nNVML version        : ${state.driver}\nDRIVER version      : ${state.driver}\nCUDA Version        : ${state.cuda}\n`,
  )
}

function tag(name, value, depth) {
  return `${"\t".repeat(depth)}<${name}>${value}</${name}>\n`
}

function group(name, depth, body) {
  return `${"\t".repeat(depth)}<${name}>\n${body}${"\t".repeat(depth)}</${name}>\n`
}

function xmlGpu(gpu, state) {
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

function xml() {
  const state = readState() ?? noDriver()
  const bad = state.misbehave?.kind
  if (bad === "hang") return void setInterval(() => {}, 1e9)
  if (bad === "no-driver") noDriver()
  if (bad === "garbage") return out('<?xml version="1.0" ?>\n<nvidia_smi_log><gpu id="')
  out(
    `<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">\n<nvidia_smi_log>\n` +
      tag("timestamp", new Date().toString().slice(0, 24), 1) +
      tag("driver_version", state.driver, 1) +
      tag("cuda_version", state.cuda, 1) +
      tag("attached_gpus", state.gpus.length, 1) +
      state.gpus.map((gpu) => xmlGpu(gpu, state)).join("") +
      "</nvidia_smi_log>\n",
  )
}

const query = option("--query-gpu")
const apps = option("--query-compute-apps")
if (query !== undefined) queryGpu(query.split(",").map((name) => name.trim()))
else if (apps !== undefined) queryApps(apps.split(",").map((name) => name.trim()))
else if (args.includes("--help-query-gpu")) helpQueryGpu(readState() ?? noDriver())
else if (args.includes("-L") || args.includes("--list-gpus")) list()
else if (args.includes("--version")) version()
else if (args.includes("-q") && args.includes("-x")) xml()
else fail(`Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n\n`, 2)
