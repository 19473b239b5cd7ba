import type { GpuInventory, Hardware } from "@boocontrol/shared/hosts"
import { namesThisMachine } from "@boocontrol/shared/this-machine"

/** Facts about this machine from a process of our own; null where the engine runs elsewhere or it is not known yet. */
export type Machine = Omit<Hardware, "gpus"> | null

/** What the engine says of its machine comes first: it is the one that computes. What it lacks is filled in. */
export function hardwareOf(
  engine: Hardware | null,
  machine: Machine,
  gpus: readonly GpuInventory[],
): Hardware {
  return {
    os_family: engine?.os_family ?? machine?.os_family ?? null,
    os_name: engine?.os_name ?? machine?.os_name ?? null,
    cpu_model: engine?.cpu_model ?? machine?.cpu_model ?? null,
    cpu_threads: engine?.cpu_threads ?? machine?.cpu_threads ?? null,
    memory_total_mib: engine?.memory_total_mib ?? machine?.memory_total_mib ?? null,
    // nvidia-smi knows index and UUID, by which samples are told apart; the engine sorts in an order of its own.
    gpus: gpus.length > 0 ? [...gpus] : (engine?.gpus ?? []),
  }
}

/**
 * Where the gateway reaches the engine: as configured; else the engine's own URL; where that is loopback and NATS
 * is not, the address by which this machine reaches NATS.
 */
export function advertisedUrl(
  urls: { configured: string | null; engine: string; nats: string },
  addressTowardsNats: string | null,
): string | null {
  if (urls.configured !== null) return urls.configured
  const engine = URL.parse(urls.engine)
  const nats = URL.parse(urls.nats)
  if (!engine || !nats) return null
  if (!namesThisMachine(engine.hostname) || namesThisMachine(nats.hostname)) return urls.engine
  if (addressTowardsNats === null) return null
  engine.hostname = addressTowardsNats.includes(":") ? `[${addressTowardsNats}]` : addressTowardsNats
  return engine.href.replace(/\/$/, "")
}
