import type { Command, CommandId } from "@boocontrol/shared/commands"
import type { ResultData } from "@boocontrol/shared/envelope"
import { BooError } from "@boocontrol/shared/errors"
import type { HostId, InstanceId } from "@boocontrol/shared/ids"
import type { CommandVerb } from "@boocontrol/shared/subjects"
import { epochMsOf } from "@boocontrol/shared/time"

/**
 * What this host remembers of commands, over restarts: so a repeated one is answered and not done again, and a holder
 * that lost its lease is refused also by a sidecar that has just started.
 *
 * | a command is | entered when                        | leaves                                                  |
 * | ---          | ---                                 | ---                                                     |
 * | running      | it was accepted (`result` is null)  | done or failed -> ended; the sidecar ended -> interrupted, at its next start |
 * | ended        | its outcome is known                | forgotten when `REMEMBERED` newer ones have come        |
 */
export interface Ledger {
  /** The newest fencing token that was seen; 0 before the first. */
  readonly token: number
  /** Oldest first. */
  readonly commands: readonly Remembered[]
}

export interface Remembered {
  readonly id: CommandId
  readonly verb: CommandVerb
  readonly result: ResultData | null
}

export const EMPTY_LEDGER: Ledger = { token: 0, commands: [] }

/** A hub asks again within minutes. More would only make the file larger that is written with each command. */
const REMEMBERED = 200
/** What an outcome brought may be large, and has left as an event: it is not kept here as well. */
const KEPT_RESULT_BYTES = 4_096

export interface Asked {
  verb: CommandVerb
  command: Command
  host: HostId
  instance: InstanceId
  nowMs: number
}

export type Verdict =
  | { kind: "accepted"; ledger: Ledger }
  | { kind: "repeated"; result: ResultData | null }
  | { kind: "refused"; error: BooError }

/**
 * 1. It is for this installation.
 * 2. One that came before is answered, whatever the time.
 * 3. It came before its deadline.
 * 4. Nobody with a newer lease has been here.
 */
export function admit(ledger: Ledger, { verb, command, host, instance, nowMs }: Asked): Verdict {
  // 1
  if (command.instance !== instance)
    return { kind: "refused", error: new BooError("COMMAND_MISADDRESSED", { verb, host }) }
  // 2
  const known = ledger.commands.find(({ id }) => id === command.id)
  if (known) return { kind: "repeated", result: known.result }
  // 3
  const { deadline, fencing_token: token } = command
  if (nowMs > epochMsOf(deadline))
    return { kind: "refused", error: new BooError("COMMAND_LATE", { verb, host, deadline }) }
  // 4
  if (token !== undefined && token < ledger.token)
    return { kind: "refused", error: new BooError("LEASE_FENCED", { token, newest: ledger.token, host }) }
  const commands = [...ledger.commands, { id: command.id, verb, result: null }]
  return { kind: "accepted", ledger: forgotten({ token: Math.max(token ?? 0, ledger.token), commands }) }
}

export function ended(ledger: Ledger, result: ResultData): Ledger {
  const { data, ...outcome } = result
  const isSmall = data !== undefined && JSON.stringify(data).length <= KEPT_RESULT_BYTES
  const kept = isSmall ? { ...outcome, data } : outcome
  return {
    ...ledger,
    commands: ledger.commands.map((known) => (known.id === result.id ? { ...known, result: kept } : known)),
  }
}

/** What was running when an earlier life of this sidecar ended. */
export function interrupted(ledger: Ledger, host: HostId): ResultData[] {
  return ledger.commands.flatMap(({ id, verb, result }) => {
    if (result !== null) return []
    const { code, message } = new BooError("COMMAND_INTERRUPTED", { host, verb })
    return [{ id, ok: false, error: { code, message } }]
  })
}

/** The oldest go first, but none that is still being done. */
function forgotten(ledger: Ledger): Ledger {
  let tooMany = ledger.commands.length - REMEMBERED
  const commands = ledger.commands.filter(({ result }) => {
    if (tooMany <= 0 || result === null) return true
    tooMany -= 1
    return false
  })
  return { ...ledger, commands }
}
