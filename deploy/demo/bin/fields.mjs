// What the stand-in can be asked about a card, in the order of --help-query-gpu.
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
export const used = (gpu) => Math.round(gpu.reading.memoryUsedMib)
export const reserved = (gpu) => Math.round(gpu.kind.memoryMib * 0.017)
export const isGeforce = (gpu) => gpu.kind.name.includes("GeForce")
export const NA = "[N/A]"

// name: [aliases], value of a card, how it is printed, description, since which driver.
export const FIELDS = [
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

export const APP_FIELDS = {
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

export const UNITS = new Map([
  [mib, "[MiB]"],
  [watt, "[W]"],
  [mhz, "[MHz]"],
  [percent, "[%]"],
])

export function fieldNamed(name, state) {
  const field = FIELDS.find(([names]) => names.includes(name))
  return field && (!field[4] || field[4](state)) ? field : null
}
