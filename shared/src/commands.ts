import * as z from "zod/mini"
import { CaptureArgs } from "./capture.ts"
import { ResultData } from "./envelope.ts"
import { InstanceId } from "./ids.ts"
import type { CommandVerb } from "./subjects.ts"
import { Instant } from "./time.ts"

export const COMMAND_VERSION = 1

/** Names one command for ever: asked again under the same id it is answered, not done again. */
export const CommandId = z.uuid().brand<"CommandId">()
export type CommandId = z.infer<typeof CommandId>

const model = z.string().check(z.minLength(1), z.maxLength(300))
const nothing = z.object({})
/** Filled in by the work that builds the verb. */
const open = z.record(z.string(), z.unknown())

/** `args` by verb. */
export const COMMAND_ARGS = {
  /** Loads a model by the smallest request its kind knows; done when its state is `ready`. */
  warm: z.object({ model }),
  unload: z.object({ model }),
  unload_all: nothing,
  /** Ids start again with every life of an engine: only together with its start an id names a request. */
  cancel: z.object({ inflight_id: z.string().check(z.minLength(1)), started_at: Instant }),
  /** Null: no profile. */
  profile: z.object({ profile: z.nullable(z.string()) }),
  /** What an engine kept of a request. Its outcome comes in the reply and is no event: prompts lie in no stream. */
  capture: CaptureArgs,
  "config.read": open,
  "config.validate": open,
  "config.write": open,
  "config.backups": open,
  "config.rollback": open,
  restart: open,
  llama_bench: open,
  /** Whether the sidecar is there, and what it thinks of its engine. Touches no model. */
  probe: nothing,
} as const satisfies Record<CommandVerb, z.ZodMiniType>
export type CommandArgs = { [V in CommandVerb]: z.infer<(typeof COMMAND_ARGS)[V]> }

/** Grows with every lease of a host; a command with an older one than the host has seen is refused. */
export const FencingToken = z.int().check(z.positive())
export type FencingToken = z.infer<typeof FencingToken>

/** A command as it stands on the subject of its verb. `args` are the verb's own: see `COMMAND_ARGS`. */
export const Command = z.object({
  v: z.literal(COMMAND_VERSION),
  id: CommandId,
  /** The installation it is for: a twin or a successor under the same host id must not do it. */
  instance: InstanceId,
  /** By the host's own clock. What arrives later is not done any more. */
  deadline: Instant,
  lease_id: z.optional(z.string()),
  fencing_token: z.optional(FencingToken),
  args: z.unknown(),
})
export type Command = z.infer<typeof Command>

/**
 * Answer at once to a command that will be done. Its outcome follows as a durable `.result` under the same id.
 * `repeated`: this id came before; `result` is then how it ended, absent while it is still being done.
 */
export const CommandAccepted = z.object({
  accepted: z.literal(true),
  id: CommandId,
  repeated: z.optional(z.boolean()),
  result: z.optional(ResultData),
})
export type CommandAccepted = z.infer<typeof CommandAccepted>

/** Data of a successful result by verb, where it has any worth naming. */
export const ModelActionDone = z.object({
  /** What the engine said of the model afterwards; null where it was not asked. */
  state: z.nullable(z.string()),
  /** From the call to its end. An unload holds up every other request of its host for so long. */
  took_ms: z.int(),
})
export type ModelActionDone = z.infer<typeof ModelActionDone>
