import type { Envelope, EventData } from "@boocontrol/shared/envelope"
import type { HostRow, PresenceData } from "@boocontrol/shared/hosts"
import { BootId, HostId, InstanceId } from "@boocontrol/shared/ids"
import type { ModelReading, ModelState } from "@boocontrol/shared/models"
import type { EventKind } from "@boocontrol/shared/subjects"
import { isDurable } from "@boocontrol/shared/subjects"
import type { PerfSample } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import type { Instant } from "@boocontrol/shared/time"

/** A host that never was, for tests: valid in every field, each of which can be set. */

export const NOON = Date.UTC(2026, 10, 22, 12)

export function uuid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`
}

export function instance(n: number): InstanceId {
  return InstanceId.parse(uuid(n))
}

export function boot(n: number): BootId {
  return BootId.parse(uuid(1000 + n))
}

export function hostId(name: string): HostId {
  return HostId.parse(name)
}

export function at(ms: number): Instant {
  return instantOf(ms)
}

export function hostRow(name: string, more: Partial<HostRow> = {}): HostRow {
  return {
    ...{ provider_id: hostId(name), display_name: name, os: null, gpu_label: null, tags: [], enabled: true },
    ...{ simulated: false, advertise_url: null, created_at: at(NOON), last_seen_at: null },
    ...more,
  }
}

export function model(id: string, state: ModelState | null, more: Partial<ModelReading> = {}): ModelReading {
  return {
    ...{ id, name: null, description: null, aliases: [], state, state_since: null, error: null, ttl_s: 300 },
    ...{ expires_at: null, context_length: 8192, quant: null, load_ms_typical: null, vram_mib: null },
    ...{ vram_basis: null, unlisted: false, peer: null, capabilities: [] },
    ...more,
  }
}

export function presence(
  more: Omit<Partial<PresenceData>, "engine"> & { engine?: Partial<PresenceData["engine"]> } = {},
): PresenceData {
  return {
    sidecar_version: "0.1.0",
    started_at: at(NOON),
    capabilities: [],
    advertise_url: "http://10.0.0.1:8080",
    hardware: {
      ...{
        os_family: "linux",
        os_name: "Debian 12",
        cpu_model: null,
        cpu_threads: 8,
        memory_total_mib: 64_000,
      },
      gpus: [],
    },
    gpu_feed: { source: "nvidia-smi", state: "streaming", reason: null },
    spool: { depth: 0, bytes: 0, oldest_at: null, dropped: 0 },
    clock: { now: at(NOON), steps: 0 },
    rejected: 0,
    ...more,
    engine: {
      ...{ kind: "llama-swap", version: "v240", era: "activity", liveness: "connected" },
      ...{ last_seen_at: null, problem: null, lacks: [] },
      ...more.engine,
    },
  }
}

export function sample(ms: number): PerfSample {
  return { ts: at(ms), gpu: [], sys: null, source: "nvidia-smi" }
}

interface Said {
  host?: string
  instance?: number
  boot?: number
  seq?: number
  atMs?: number
}

/** A message as a sidecar sends it. */
export function envelope<K extends EventKind>(kind: K, data: EventData[K], said: Said = {}): Envelope<K> {
  return {
    ...{ v: 1 as const, host: hostId(said.host ?? "a"), instance: instance(said.instance ?? 1) },
    ...{
      boot: boot(said.boot ?? 1),
      seq: isDurable(kind) ? (said.seq ?? 1) : null,
      at: at(said.atMs ?? NOON),
    },
    ...{ kind, data },
  }
}
