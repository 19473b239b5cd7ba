import * as z from "zod/mini"
import { Command, CommandAccepted } from "./commands.ts"
import { ENVELOPES } from "./envelope.ts"
import { ErrorBody } from "./errors.ts"
import { FleetSnapshot } from "./fleet.ts"
import { ClientFrame, Frame } from "./frames.ts"
import { CommittedActivity } from "./activity.ts"
import { ResumeReply, ResumeRequest } from "./resume.ts"
import { EVENT_KINDS, isDurable, STREAMS, subjects } from "./subjects.ts"
import type { EventKind } from "./subjects.ts"

/** A zod schema as JSON Schema (draft 2020-12), as it stands on the wire. */
export function toJsonSchema(schema: z.ZodMiniType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" })
  return rest
}

/** Every shape that crosses a wire, by name. */
export function jsonSchemaDocument(): Record<string, unknown> {
  const envelopes = EVENT_KINDS.map((kind) => [`envelope.${kind}`, toJsonSchema(ENVELOPES[kind])] as const)
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "BooControl contracts",
    $defs: {
      frame: toJsonSchema(Frame),
      client_frame: toJsonSchema(ClientFrame),
      fleet_snapshot: toJsonSchema(FleetSnapshot),
      committed_activity: toJsonSchema(CommittedActivity),
      command: toJsonSchema(Command),
      command_accepted: toJsonSchema(CommandAccepted),
      resume_request: toJsonSchema(ResumeRequest),
      resume_reply: toJsonSchema(ResumeReply),
      error: toJsonSchema(ErrorBody),
      ...Object.fromEntries(envelopes),
    },
  }
}

const SUMMARIES: Record<EventKind, string> = {
  presence: "That a sidecar is there, every 5 s and on change",
  models: "The full model list of a host, and the transitions since the last message",
  activity: "Finished requests, and later knowledge about earlier ones",
  note: "Something about the host that history must keep: a gap, a restart, a lost GPU",
  result: "How a command ended, by its id",
  perf: "Up to 5 s of 1 s samples of all GPUs and the system",
  live: "The newest sample, every second, for eyes",
  inflight: "All requests in flight",
  log: "Log lines of the engine, relayed and never stored",
}

/** The NATS side as an AsyncAPI 3 document. */
export function asyncApiDocument(): Record<string, unknown> {
  const channels = Object.fromEntries(
    EVENT_KINDS.map((kind) => [
      kind,
      {
        address: subjects.eventsOfKind(kind).replace("*", "{host}"),
        summary: SUMMARIES[kind],
        description: isDurable(kind) ? `Stored in JetStream ${streamOf(kind)}` : "Core NATS only",
        parameters: { host: { description: "Host id, also called provider id" } },
        messages: { [kind]: { contentType: "application/json", payload: toJsonSchema(ENVELOPES[kind]) } },
      },
    ]),
  )
  const operations = Object.fromEntries(
    EVENT_KINDS.map((kind) => [`on_${kind}`, { action: "send", channel: { $ref: `#/channels/${kind}` } }]),
  )
  return {
    asyncapi: "3.0.0",
    info: {
      title: "BooControl on NATS",
      version: "1",
      description: "What every GPU host emits. Other tools may subscribe with a credential of kind tool.",
    },
    channels,
    operations,
  }
}

function streamOf(kind: EventKind): string {
  const found = Object.entries(STREAMS).find(([, kinds]) => kinds.some((stored) => stored === kind))
  return found?.[0] ?? "no stream"
}
