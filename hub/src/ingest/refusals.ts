import type { Envelope } from "@boocontrol/shared/envelope"
import type { DurableKind, Rejected } from "./ports.ts"

type Refused = Pick<Envelope<DurableKind>, "host" | "kind">

/** Postgres, or a fault of ours, stands against it, and will again. */
export function refusedBy(error: unknown, { host, kind }: Refused): Rejected {
  const problem = error instanceof Error ? error.message : String(error)
  return { host, kind, reason: "unstorable", problem }
}

/** What it needs did not come in all the time it had. */
export function unresolved({ host, kind }: Refused): Rejected {
  return { host, kind, reason: "unresolved", problem: "it adds to a row that never came" }
}

export function unhandled(): never {
  throw new Error("nothing here stores messages of this kind")
}
