import { CommittedActivity } from "@boocontrol/shared/activity"
import { firstProblem, parseEnvelope } from "@boocontrol/shared/envelope"
import type { Envelope } from "@boocontrol/shared/envelope"
import { HostId } from "@boocontrol/shared/ids"
import type { HubId } from "@boocontrol/shared/ids"
import { HUB_HEADER, parseEventSubject, subjects } from "@boocontrol/shared/subjects"
import type { EventKind } from "@boocontrol/shared/subjects"
import type { Log } from "../platform/log.ts"
import type { NatsConnection } from "../platform/nats.ts"

export interface ListenOptions {
  nc: NatsConnection
  heard: Heard
  log: Log
  /** What this hub announced itself it knows already. */
  hubId: HubId
}

export interface Heard {
  /** The connection is back after a loss: what was said meanwhile was not heard here. */
  lookAgain(): void
  envelope(envelope: Envelope): void
  committed(activity: CommittedActivity): void
  /** A message of a host that makes no sense. */
  rejected(host: HostId, reason: string): void
}

/** Kinds that only those who store them read. */
export const LEFT_TO_STORING: ReadonlySet<EventKind> = new Set(["perf", "activity"])

/**
 * Everything hosts say, by core NATS: every hub hears all of it, in order, at once. What is stored comes to one hub
 * only and later, through the streams. Samples and requests to store say nothing here that live ones and stored ones do
 * not, and are the most of all bytes: they are left to those who store them, who also count what is wrong with them.
 */
export function listen({ nc, heard, log, hubId }: ListenOptions): { stop(): void } {
  const reject = rejecting(heard, log)
  const events = nc.subscribe(subjects.allEvents, {
    callback: (error, message) => {
      if (error) return log.warn({ err: error }, "the subscription to events failed")
      const subject = parseEventSubject(message.subject)
      if (!subject) return reject(message.subject, "no such kind of event")
      if (LEFT_TO_STORING.has(subject.kind)) return
      const parsed = parseEnvelope(message.string(), subject)
      if (parsed.ok) heard.envelope(parsed.envelope)
      else reject(message.subject, parsed.problem)
    },
  })
  const rows = nc.subscribe(subjects.hubOfTopic("activity"), {
    callback: (error, message) => {
      if (error) return log.warn({ err: error }, "the subscription to stored rows failed")
      if (message.headers?.get(HUB_HEADER) === hubId) return
      const parsed = parseCommitted(message.string())
      if (parsed.ok) heard.committed(parsed.activity)
      else log.warn({ subject: message.subject, problem: parsed.problem }, "stored rows that make no sense")
    },
  })
  const follow = async (): Promise<void> => {
    for await (const status of nc.status()) if (status.type === "reconnect") heard.lookAgain()
  }
  follow().catch((error: unknown) => log.error({ err: error }, "the NATS status feed ended"))
  return {
    stop() {
      events.unsubscribe()
      rows.unsubscribe()
    },
  }
}

/** Counts each, logs one per subject and problem: a host that sends nonsense may send a lot of it. */
function rejecting(heard: Heard, log: Log): (subject: string, problem: string) => void {
  const logged = new Set<string>()
  return (subject, problem) => {
    const known = `${subject} ${problem.slice(0, 80)}`
    if (!logged.has(known) && logged.size < 1000) {
      logged.add(known)
      log.warn({ subject, problem }, "a message was rejected; more of this kind are only counted")
    }
    const host = HostId.safeParse(subject.split(".")[3])
    if (host.success) heard.rejected(host.data, `${subject.split(".").at(-1)}: ${problem}`)
  }
}

type CommittedParse = { ok: true; activity: CommittedActivity } | { ok: false; problem: string }

function parseCommitted(text: string): CommittedParse {
  try {
    const parsed = CommittedActivity.safeParse(JSON.parse(text))
    return parsed.success
      ? { ok: true, activity: parsed.data }
      : { ok: false, problem: firstProblem(parsed.error) }
  } catch {
    return { ok: false, problem: "not JSON" }
  }
}
