import { jetstreamManager, JetStreamApiError } from "@nats-io/jetstream"
import { parseEnvelope } from "@boocontrol/shared/envelope"
import type { Envelope } from "@boocontrol/shared/envelope"
import type { HostId } from "@boocontrol/shared/ids"
import { subjects } from "@boocontrol/shared/subjects"
import type { NatsConnection } from "../platform/nats.ts"

/** The last list of models a host gave, from the stream: null where it gave none that is still kept. */
export type RecallModels = (host: HostId) => Promise<Envelope<"models"> | null>

/** A host says its models when they change. A hub that starts in between finds there what was said last. */
export function recallModelsFrom(nc: NatsConnection): RecallModels {
  return async (host) => {
    try {
      const manager = await jetstreamManager(nc, { checkAPI: false })
      const last_by_subj = subjects.event(host, "models")
      const message = await manager.streams.getMessage("BOO_EVENTS", { last_by_subj })
      if (!message) return null
      const parsed = parseEnvelope(message.string(), { host, kind: "models" })
      return parsed.ok && parsed.envelope.kind === "models" ? parsed.envelope : null
    } catch (error) {
      // No such stream, or no such message in it.
      if (error instanceof JetStreamApiError && error.status === 404) return null
      throw error
    }
  }
}
