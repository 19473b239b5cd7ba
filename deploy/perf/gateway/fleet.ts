import { randomUUID } from "node:crypto"
import { connect } from "@nats-io/transport-node"
import type { Envelope, EventData } from "@boocontrol/shared/envelope"
import { BootId, HostId, InstanceId } from "@boocontrol/shared/ids"
import { isDurable, subjects } from "@boocontrol/shared/subjects"
import type { EventKind } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"

export interface SpokenHost {
  id: string
  url: string
  models: readonly string[]
}

const PRESENCE_EVERY_MS = 3_000

/** Speaks for hosts as their sidecars would: that they are there, and what they have loaded. */
export async function speakFor(
  natsUrl: string,
  hosts: readonly SpokenHost[],
): Promise<{ stop(): Promise<void> }> {
  const nc = await connect({ servers: natsUrl })
  const startedMs = Date.now()
  const voices = hosts.map((host) => ({
    ...host,
    instance: InstanceId.parse(randomUUID()),
    boot: BootId.parse(randomUUID()),
    seq: 0,
  }))

  function say<K extends EventKind>(voice: (typeof voices)[number], kind: K, data: EventData[K]): void {
    const host = HostId.parse(voice.id)
    const envelope: Envelope<K> = {
      ...{ v: 1 as const, host, instance: voice.instance, boot: voice.boot, kind, data },
      ...{ seq: isDurable(kind) ? ++voice.seq : null, at: instantOf(Date.now()) },
    }
    nc.publish(subjects.event(host, kind), JSON.stringify(envelope))
  }

  const present = (): void => {
    for (const voice of voices) {
      say(voice, "presence", {
        ...{
          sidecar_version: "perf",
          started_at: instantOf(startedMs),
          simulated: true,
          capabilities: [],
          rejected: 0,
        },
        ...{ advertise_url: voice.url, gpu_feed: { source: null, state: "unavailable", reason: null } },
        engine: {
          ...{
            kind: "llama-swap",
            version: "v250",
            era: "activity",
            liveness: "connected",
            last_seen_at: null,
          },
          ...{ problem: null, lacks: [] },
        },
        hardware: {
          ...{
            os_family: "linux",
            os_name: null,
            cpu_model: null,
            cpu_threads: null,
            memory_total_mib: null,
          },
          gpus: [],
        },
        spool: { depth: 0, bytes: 0, oldest_at: null, dropped: 0 },
        clock: { now: instantOf(Date.now()), steps: 0 },
      })
    }
  }
  present()
  for (const voice of voices) {
    const models = voice.models.map((id) => ({
      ...{
        id,
        name: null,
        description: null,
        aliases: [],
        state: "ready" as const,
        state_since: null,
        error: null,
      },
      ...{
        ttl_s: 0,
        expires_at: null,
        context_length: 32_768,
        quant: null,
        load_ms_typical: null,
        vram_mib: null,
      },
      ...{ vram_basis: null, unlisted: false, peer: null, capabilities: ["function_calling"] },
    }))
    say(voice, "models", { models, transitions: [] })
  }
  const timer = setInterval(present, PRESENCE_EVERY_MS)
  return {
    async stop() {
      clearInterval(timer)
      await nc.close()
    },
  }
}

/** Until the gateway lists this model. */
export async function listed(url: string, model: string): Promise<void> {
  const deadline = Date.now() + 30_000
  for (;;) {
    const text = await fetch(`${url}/v1/models`)
      .then((reply) => reply.text())
      .catch(() => "")
    if (text.includes(`"${model}"`)) return
    if (Date.now() > deadline) throw new Error(`the gateway does not list ${model}: ${text.slice(0, 300)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
