import type { FleetHost } from "@boocontrol/shared/fleet"

const OS_NAMES: Readonly<Record<string, string>> = {
  linux: "Linux",
  windows: "Windows",
  win32: "Windows",
  darwin: "macOS",
}

type Machine = Pick<FleetHost, "os" | "gpu_label" | "gpus" | "hardware">

/** `Windows · RTX 5090 32 GB`: what the machine is. */
export function identityOf(host: Machine): string {
  return [osName(host), gpuName(host)].filter((part) => part !== null).join(" · ")
}

/** The whole names, for a tooltip: of the system as it calls itself, and of each card. */
export function fullIdentityOf(host: Machine): string {
  const system = host.hardware?.os_name ?? host.os
  return [system, host.gpu_label, ...host.gpus.map((gpu) => gpu.name)]
    .filter((part, index, all) => part !== null && all.indexOf(part) === index)
    .join(" · ")
}

function osName(host: Machine): string | null {
  const os = host.hardware?.os_family ?? host.os
  return os === null ? null : (OS_NAMES[os.toLowerCase()] ?? os)
}

function gpuName(host: Machine): string | null {
  const known = host.gpus.length > 0 ? labelOf(host.gpus, withMemory) : null
  // What the hub made of the names says less than the inventory; what an operator wrote stays as it is.
  const isMade = host.gpu_label === null || plainLabel(host.gpu_label) === labelOf(host.gpus, shortName)
  if (!isMade) return host.gpu_label
  return known ?? host.gpu_label ?? (host.hardware === null ? null : "no GPU")
}

type Gpu = FleetHost["gpus"][number]

/** `RTX 5090 + 2 × RTX 3090`: cards that are called the same are counted. */
function labelOf(gpus: readonly Gpu[], nameOf: (gpu: Gpu) => string): string {
  const counts = new Map<string, number>()
  for (const gpu of gpus) counts.set(nameOf(gpu), (counts.get(nameOf(gpu)) ?? 0) + 1)
  return [...counts].map(([name, number]) => (number > 1 ? `${number} × ${name}` : name)).join(" + ")
}

function shortName({ name }: Gpu): string {
  return plainLabel(name ?? "GPU")
}

function withMemory(gpu: Gpu): string {
  const name = shortName(gpu)
  if (gpu.memory_total_mib === null || /\d ?GB/.test(name)) return name
  return `${name} ${Math.round(gpu.memory_total_mib / 1024)} GB`
}

function plainLabel(label: string): string {
  return label.replaceAll(/\b(NVIDIA|GeForce) /g, "").replaceAll(/(\d) x (?=\w)/g, "$1 × ")
}

export interface HostChoice {
  readonly text: string
  readonly only: "all" | "trouble" | "loaded"
  /** Any of them; none chosen: all hosts. */
  readonly tags?: readonly string[]
}

export function inChoice(host: FleetHost, needsAttention: boolean, choice: HostChoice): boolean {
  if (choice.only === "trouble" && !needsAttention) return false
  if (choice.only === "loaded" && !host.models.some((model) => model.state === "ready")) return false
  const { tags = [] } = choice
  if (tags.length > 0 && !tags.some((tag) => host.tags.includes(tag))) return false
  const text = choice.text.trim().toLowerCase()
  if (text === "") return true
  const words = [
    host.provider_id,
    host.display_name,
    host.gpu_label ?? "",
    ...host.tags,
    ...host.models.map(({ id }) => id),
  ]
  return words.some((word) => word.toLowerCase().includes(text))
}
