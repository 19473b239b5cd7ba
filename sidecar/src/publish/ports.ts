import type { EventData } from "@boocontrol/shared/envelope"
import type { EventKind, STREAMS } from "@boocontrol/shared/subjects"

export type DurableKind = (typeof STREAMS)[keyof typeof STREAMS][number]
export type CoreKind = Exclude<EventKind, DurableKind>

/** Everything this host says goes through here. */
export interface Publisher {
  /** Keeps it until its stream has it. Resolves when it is safe, rejects when it had to be given up. */
  durable<K extends DurableKind>(kind: K, data: EventData[K]): Promise<void>
  /** For eyes: gone where nobody can be reached right now. */
  core<K extends CoreKind>(kind: K, data: EventData[K]): void
}

/** What a host's own part answers to a command; the verb is the last part of the subject. */
export interface CommandHandlers {
  /** The reply, at once or once it is known; null where this verb is not known here. */
  handle(verb: string, payload: string): string | Promise<string> | null
}
