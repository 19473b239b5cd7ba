import { COMMAND_ARGS, Command, CommandId } from "@boocontrol/shared/commands"
import type { CommandAccepted } from "@boocontrol/shared/commands"
import { firstProblem, ResultData } from "@boocontrol/shared/envelope"
import { BooError, toNatsError } from "@boocontrol/shared/errors"
import type { HostId, InstanceId } from "@boocontrol/shared/ids"
import { COMMAND_VERBS } from "@boocontrol/shared/subjects"
import type { CommandVerb } from "@boocontrol/shared/subjects"
import * as z from "zod/mini"
import type { Clock } from "../platform/clock.ts"
import { admit, EMPTY_LEDGER, ended, interrupted } from "./core.ts"
import type { Ledger } from "./core.ts"
import type { CommandHandler, CommandShelf, TellResult } from "./ports.ts"

export type { CommandContext, CommandHandler } from "./ports.ts"

export interface CommandsOptions {
  host: HostId
  instance: InstanceId
  clock: Clock
  shelf: CommandShelf
  result: TellResult
}

export interface Commands {
  /** Each verb once, before `start`. */
  on<V extends CommandVerb>(verb: V, handler: CommandHandler<V>): void
  /** A verb that changes nothing: its outcome is the reply, and neither remembered nor told as an event. */
  ask<V extends CommandVerb>(verb: V, handler: CommandHandler<V>): void
  /** The reply to a command, at once where the verb does something; null where this sidecar does not know it. */
  handle(verb: string, payload: string): string | Promise<string> | null
  /** Says what became of that which an earlier life left undone. */
  start(): void
  /** Gives up what is under way and waits until that is told. May be called twice. */
  stop(): Promise<void>
}

const SHELF_NAME = "commands"
const SavedLedger = z.object({
  token: z.int(),
  commands: z.array(z.object({ id: CommandId, verb: z.enum(COMMAND_VERBS), result: z.nullable(ResultData) })),
})

type Task = (args: unknown, context: { id: CommandId; signal: AbortSignal }) => Promise<unknown>
interface Known {
  verb: CommandVerb
  args: z.ZodMiniType
  run: Task
  /** Changes nothing: answered with its outcome. */
  isQuestion?: boolean
}

/** Takes commands of the hub: answers each at once, does it, and tells its outcome. */
export function createCommands({ host, instance, clock, shelf, result }: CommandsOptions): Commands {
  const known = new Map<string, Known>()
  const running = new Set<Promise<void>>()
  const stopping = new AbortController()
  let ledger: Ledger = shelf.load(SHELF_NAME, SavedLedger) ?? EMPTY_LEDGER

  function keep(next: Ledger): void {
    ledger = next
    shelf.save(SHELF_NAME, next)
  }

  function conclude(outcome: ResultData): void {
    keep(ended(ledger, outcome))
    result(outcome)
  }

  async function perform(
    { run, verb }: Known,
    { id, args }: { id: CommandId; args: unknown },
  ): Promise<void> {
    try {
      const data = await run(args, { id, signal: stopping.signal })
      conclude({ id, ok: true, ...(data === undefined ? {} : { data }) })
    } catch (error) {
      const lost = stopping.signal.aborted ? new BooError("COMMAND_INTERRUPTED", { host, verb }) : null
      const { code, message } = lost ?? ours(error, { verb, host })
      conclude({ id, ok: false, error: { code, message } })
    }
  }

  function read({ verb, args: schema }: Known, payload: string) {
    const command = Command.safeParse(parsed(payload))
    if (!command.success) throw badRequest(`command ${verb}`, command.error)
    const args = schema.safeParse(command.data.args)
    if (!args.success) throw badRequest(`args of ${verb}`, args.error)
    const asked = { verb, command: command.data, host, instance, nowMs: clock.now() }
    return { id: command.data.id, args: args.data, verdict: admit(ledger, asked) }
  }

  async function look(to: Known, payload: string): Promise<CommandAccepted> {
    const { id, args, verdict } = read(to, payload)
    if (verdict.kind === "refused") throw verdict.error
    const data = await to.run(args, { id, signal: stopping.signal })
    return { accepted: true, id, result: { id, ok: true, data } }
  }

  function answer(to: Known, payload: string): CommandAccepted {
    const { id, args, verdict } = read(to, payload)
    switch (verdict.kind) {
      case "refused":
        throw verdict.error
      case "repeated":
        return { accepted: true, id, repeated: true, ...(verdict.result ? { result: verdict.result } : {}) }
      case "accepted": {
        // Before it is begun: a sidecar that ends now must not do it again.
        keep(verdict.ledger)
        const work = perform(to, { id, args }).finally(() => running.delete(work))
        running.add(work)
        return { accepted: true, id }
      }
    }
  }

  return {
    on(verb, handler) {
      const args = COMMAND_ARGS[verb]
      // The schema under the verb is the one that the handler's arguments are inferred from.
      known.set(verb, { verb, args, run: handler as Task })
    },
    ask(verb, handler) {
      const args = COMMAND_ARGS[verb]
      known.set(verb, { verb, args, run: handler as Task, isQuestion: true })
    },
    handle(verb, payload) {
      const to = known.get(verb)
      if (!to) return null
      if (to.isQuestion === true)
        return look(to, payload).then(
          (reply) => JSON.stringify(reply),
          (error: unknown) => JSON.stringify(toNatsError(ours(error, { verb, host }))),
        )
      try {
        return JSON.stringify(answer(to, payload))
      } catch (error) {
        return JSON.stringify(toNatsError(ours(error, { verb, host })))
      }
    },
    start() {
      for (const outcome of interrupted(ledger, host)) conclude(outcome)
    },
    async stop() {
      stopping.abort()
      await Promise.all(running)
    },
  }
}

function ours(error: unknown, { verb, host }: { verb: string; host: HostId }): BooError {
  if (error instanceof BooError) return error
  const problem = error instanceof Error ? error.message : String(error)
  return new BooError("COMMAND_FAILED", { verb, host, problem }, error)
}

function badRequest(where: string, error: z.core.$ZodError): BooError {
  return new BooError("BAD_REQUEST", { where, problem: firstProblem(error) })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
