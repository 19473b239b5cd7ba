import type { CommandArgs, CommandId } from "@boocontrol/shared/commands"
import type { ResultData } from "@boocontrol/shared/envelope"
import type { CommandVerb } from "@boocontrol/shared/subjects"
import type * as z from "zod/mini"

export interface CommandContext {
  readonly id: CommandId
  /** Aborted when the sidecar ends: what takes long gives up then. */
  readonly signal: AbortSignal
}

/**
 * Does one verb. What it resolves with becomes `data` of the result, and has to fit one message. What it throws becomes
 * the result's error: a `BooError` as it is, anything else as COMMAND_FAILED with its message.
 */
export type CommandHandler<V extends CommandVerb> = (
  args: CommandArgs[V],
  context: CommandContext,
) => Promise<unknown>

/** Where the ledger outlives the process. */
export interface CommandShelf {
  load<T>(name: string, schema: z.ZodMiniType<T>): T | null
  save(name: string, value: unknown): void
}

/** Where outcomes go: kept until they are stored. */
export type TellResult = (result: ResultData) => void
