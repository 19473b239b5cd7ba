#!/usr/bin/env node
// Stand-in for nvidia-smi: answers from the state file of one simulated host. Plain JavaScript with nothing imported
// but node:fs and its own field table, because one of these lives beside every simulated host for as long as it is watched.
import { readFileSync, writeSync } from "node:fs"
import { APP_FIELDS, FIELDS, fieldNamed, NA, UNITS } from "./fields.mjs"

const args = process.argv.slice(2)
const stateFile = option("--state")
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

function helpQueryGpu(state) {
  const parts = FIELDS.filter((field) => !field[4] || field[4](state)).map(
    ([names, , , text]) => `${names.map((name) => `"${name}"`).join(" or ")}\n${String(text)}\n`,
  )
  out(`List of valid properties to query for the switch "--query-gpu=":\n\n${parts.join("\n")}\n`)
}

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
  if (!readState()) noDriver()
  const unknown = names.find((name) => !(name in APP_FIELDS))
  if (unknown) fail(`Field "${unknown}" is not a valid field to query.\n\n`, 2)
  if (options.header) {
    const unit = (name) => (options.units && name.startsWith("used_") ? `${name} [MiB]` : name)
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
  if (everyMs !== null) setInterval(() => run(), everyMs)
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

async function xml() {
  const { tag, xmlGpu } = await import("./xml.mjs")
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
else if (args.includes("-q") && args.includes("-x")) await xml()
else fail(`Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n\n`, 2)
