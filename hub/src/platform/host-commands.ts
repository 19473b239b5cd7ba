import { randomUUID } from "node:crypto"
import { errors } from "@nats-io/transport-node"
import { COMMAND_VERSION, CommandAccepted, CommandId } from "@boocontrol/shared/commands"
import type { Command, CommandArgs, FencingToken } from "@boocontrol/shared/commands"
import { parseEnvelope } from "@boocontrol/shared/envelope"
import type { Envelope, ResultData } from "@boocontrol/shared/envelope"
import { BooError, NatsErrorReply } from "@boocontrol/shared/errors"
import type { HostId, InstanceId } from "@boocontrol/shared/ids"
import { parseEventSubject, subjects } from "@boocontrol/shared/subjects"
import type { CommandVerb } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import type { Clock } from "./clock.ts"
import type { Log } from "./log.ts"
import type { NatsConnection } from "./nats.ts"

/** Who speaks for a host now. */
export interface HostSpeaker {
  readonly instance: InstanceId
  /** How far its clock is ahead of this hub's: deadlines are told by its own. */
  readonly clockAheadMs: number
}

export interface HostCommandsOptions {
  nc: NatsConnection
  clock: Clock
  log: Log
  /** Null where nobody has spoken for the host to this hub yet. */
  speakerOf(host: HostId): HostSpeaker | null
}

export interface SendOptions {
  /** So long the host may take to begin; what reaches it later is not done. */
  beginWithinMs?: number
  /** Given again, the host answers what became of it instead of doing it again. */
  id?: CommandId
  lease?: { lease_id: string; fencing_token: FencingToken } | null
}

/** Why a host did not take a command, in its own words or, where it does not answer, in ours. */
export interface CommandRefusal {
  readonly code: string
  readonly message: string
  /** Whether the same command may be taken later. */
  readonly retryable: boolean
  /** `host`: its sidecar said so; `hub`: it could not be asked. */
  readonly origin: "host" | "hub"
}

export type SendOutcome =
  | { ok: true; id: CommandId; repeated: boolean; result: ResultData | null }
  | { ok: false; id: CommandId; refusal: CommandRefusal }

export type RunOutcome =
  { ok: true; id: CommandId; data: unknown } | { ok: false; id: CommandId; refusal: CommandRefusal }

export type HostResult = Pick<Envelope<"result">, "host" | "at" | "data">

/** The hub's half of commands to hosts: every capability that has a host do something gets this as a port. */
export interface HostCommands {
  /** Resolves as soon as the host took or refused it. The outcome comes later: `onResult`. */
  send<V extends CommandVerb>(
    host: HostId,
    verb: V,
    command: SendOptions & { args: CommandArgs[V] },
  ): Promise<SendOutcome>
  /** Sends and waits for the outcome, at most `waitMs`. */
  run<V extends CommandVerb>(
    host: HostId,
    verb: V,
    command: SendOptions & { args: CommandArgs[V]; waitMs: number },
  ): Promise<RunOutcome>
  /** Each outcome that any host tells, as every hub hears it; those while this hub was away come by ingest instead. */
  onResult(listener: (result: HostResult) => void): () => void
  /** For ingest: an outcome that was stored may be one that was not heard. */
  stored(envelopes: readonly Envelope<"result">[]): void
  start(): void
  stop(): void
}

/** A sidecar answers within milliseconds, before it does anything. Longer only delays what an operator is told. */
const ANSWER_WITHIN_MS = 5_000
/** Enough for a host under load to pick it up; beyond it whoever asked has been told that nothing was done. */
const BEGIN_WITHIN_MS = 10_000

export function createHostCommands(options: HostCommandsOptions): HostCommands {
  const { nc, clock, speakerOf } = options
  const log = options.log.child({ part: "commands" })
  const listeners = new Set<(result: HostResult) => void>()
  let end: (() => void) | null = null

  const hear = (result: HostResult): void => {
    for (const listener of listeners) listener(result)
  }

  const onResult = (listener: (result: HostResult) => void): (() => void) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  const send: HostCommands["send"] = async (host, verb, { args, lease, id = newId(), beginWithinMs }) => {
    const speaker = speakerOf(host)
    if (!speaker) return { ok: false, id, refusal: unanswered(host, verb) }
    const command: Command = {
      ...{ v: COMMAND_VERSION, id, instance: speaker.instance, args },
      deadline: instantOf(clock.now() + speaker.clockAheadMs + (beginWithinMs ?? BEGIN_WITHIN_MS)),
      ...(lease ? { lease_id: lease.lease_id, fencing_token: lease.fencing_token } : {}),
    }
    try {
      const reply = await nc.request(subjects.command(host, verb), JSON.stringify(command), {
        timeout: ANSWER_WITHIN_MS,
      })
      return outcomeOf(reply.json(), { id, host, verb })
    } catch (error) {
      if (!isUnanswered(error)) log.warn({ err: error, host, verb }, "a command could not be sent")
      return { ok: false, id, refusal: unanswered(host, verb) }
    }
  }

  return {
    send,
    onResult,
    async run(host, verb, { waitMs, ...command }) {
      const id = command.id ?? newId()
      const wait = waiting(id)
      const cancel = clock.setTimeout(() => wait.give(null), waitMs)
      const off = onResult(({ data }) => wait.give(data))
      try {
        const sent = await send(host, verb, { ...command, id })
        if (!sent.ok) return sent
        const result = sent.result ?? (await wait.result)
        if (result === null) return { ok: false, id, refusal: unanswered(host, verb) }
        if (result.ok) return { ok: true, id, data: result.data ?? null }
        const { code = "COMMAND_FAILED", message = "no reason given" } = result.error ?? {}
        return { ok: false, id, refusal: { code, message, retryable: false, origin: "host" } }
      } finally {
        cancel()
        off()
      }
    },
    stored: (envelopes) => envelopes.forEach(hear),
    start() {
      if (end) return
      const results = nc.subscribe(subjects.eventsOfKind("result"), {
        callback: (error, message) => {
          if (error) return log.warn({ err: error }, "the subscription to results failed")
          const subject = parseEventSubject(message.subject)
          const parsed = subject && parseEnvelope(message.string(), subject)
          // What makes no sense is counted where everything of a host is heard.
          if (parsed?.ok && parsed.envelope.kind === "result") hear(parsed.envelope)
        },
      })
      end = () => results.unsubscribe()
    },
    stop() {
      end?.()
      end = null
    },
  }
}

/** The outcome of one command, whoever brings it first. */
function waiting(id: CommandId): {
  result: Promise<ResultData | null>
  give(result: ResultData | null): void
} {
  const { promise, resolve } = Promise.withResolvers<ResultData | null>()
  return {
    result: promise,
    give(result) {
      if (result === null || result.id === id) resolve(result)
    },
  }
}

function newId(): CommandId {
  return CommandId.parse(randomUUID())
}

function outcomeOf(
  reply: unknown,
  { id, host, verb }: { id: CommandId; host: HostId; verb: CommandVerb },
): SendOutcome {
  const accepted = CommandAccepted.safeParse(reply)
  if (accepted.success) {
    const { repeated = false, result = null } = accepted.data
    return { ok: true, id, repeated, result }
  }
  const refused = NatsErrorReply.safeParse(reply)
  if (refused.success) return { ok: false, id, refusal: { ...refused.data.error, origin: "host" } }
  const problem = "its answer makes no sense: update its sidecar"
  return { ok: false, id, refusal: refusalOf(new BooError("COMMAND_FAILED", { host, verb, problem })) }
}

function unanswered(host: HostId, verb: CommandVerb): CommandRefusal {
  return refusalOf(new BooError("COMMAND_UNANSWERED", { host, verb }))
}

function refusalOf({ code, message, retryable }: BooError): CommandRefusal {
  return { code, message, retryable, origin: "hub" }
}

function isUnanswered(error: unknown): boolean {
  if (error instanceof errors.RequestError) return error.isNoResponders()
  return error instanceof errors.NoRespondersError || error instanceof errors.TimeoutError
}
