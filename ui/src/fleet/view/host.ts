import type { FleetHost } from "@boocontrol/shared/fleet"

const OS_NAMES: Readonly<Record<string, string>> = {
  linux: "Linux",
  windows: "Windows",
  win32: "Windows",
  darwin: "macOS",
}

/** `Windows · RTX 5090 32 GB`: what the machine is. */
export function identityOf(host: Pick<FleetHost, "os" | "gpu_label" | "gpus" | "hardware">): string {
  return [osName(host.os ?? host.hardware?.os_family ?? null), gpuName(host)]
    .filter((part) => part !== null)
    .join(" · ")
}

function osName(os: string | null): string | null {
  return os === null ? null : (OS_NAMES[os.toLowerCase()] ?? os)
}

function gpuName(host: Pick<FleetHost, "gpu_label" | "gpus" | "hardware">): string | null {
  if (host.gpu_label !== null) return host.gpu_label
  if (host.gpus.length === 0) return host.hardware === null ? null : "no GPU"
  const counts = new Map<string, number>()
  for (const gpu of host.gpus) {
    const name = (gpu.name ?? "GPU").replace(/^NVIDIA (GeForce )?/, "")
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, number]) => (number > 1 ? `${number} × ${name}` : name)).join(", ")
}

/** Text that a lease's record holds; its shape belongs to leases and may be unknown here. */
export function leaseWords(lease: FleetHost["lease"]): string | null {
  if (lease === null) return null
  const who = [lease["purpose"], lease["holder"]].find((value) => typeof value === "string" && value !== "")
  return typeof who === "string" ? `leased to ${who}` : "leased"
}

export interface HostChoice {
  readonly text: string
  readonly only: "all" | "trouble" | "loaded"
}

export function inChoice(host: FleetHost, needsAttention: boolean, choice: HostChoice): boolean {
  if (choice.only === "trouble" && !needsAttention) return false
  if (choice.only === "loaded" && !host.models.some((model) => model.state === "ready")) return false
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
