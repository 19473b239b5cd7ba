import type { Msg } from "@nats-io/transport-node"
import { BooError, toNatsError } from "@boocontrol/shared/errors"
import type { HostId } from "@boocontrol/shared/ids"
import { ResumeRequest } from "@boocontrol/shared/resume"
import type { ResumeReply } from "@boocontrol/shared/resume"
import { parseAskSubject, subjects } from "@boocontrol/shared/subjects"
import type { Instant } from "@boocontrol/shared/time"
import type { Log } from "../platform/log.ts"
import type { NatsConnection } from "../platform/nats.ts"

export interface ResumeOptions {
  nc: NatsConnection
  log: Log
  /** Newest stored row of the newest epoch of a host: `activity.newestRow`. */
  newestRow(host: HostId): Promise<ResumeReply["row"]>
  /** `telemetry.newestSampleTs`. */
  newestSampleTs(host: HostId): Promise<Instant | null>
}

/** Answers sidecars that lost their cursor. Every hub may answer; each question goes to one of them. */
export function createResume({ nc, log: parent, newestRow, newestSampleTs }: ResumeOptions): {
  start(): void
  stop(): Promise<void>
} {
  const log = parent.child({ part: "resume" })

  const answer = async (msg: Msg): Promise<void> => {
    const host = parseAskSubject(msg.subject)
    if (host === null || !ResumeRequest.safeParse(readJson(msg.string())).success) {
      const refused = new BooError("BAD_REQUEST", { where: msg.subject, problem: "not a resume question" })
      msg.respond(JSON.stringify(toNatsError(refused)))
      return
    }
    try {
      const [row, sampleTs] = await Promise.all([newestRow(host), newestSampleTs(host)])
      const reply: ResumeReply = { v: 1, row, sample_ts: sampleTs }
      msg.respond(JSON.stringify(reply))
    } catch (error) {
      // "Nothing is stored" would be a lie that costs the host a gap: it is told to ask again.
      log.warn({ err: error, host }, "resume cannot be answered now")
      msg.respond(JSON.stringify(toNatsError(new BooError("DATABASE_DOWN"))))
    }
  }

  let subscription: ReturnType<NatsConnection["subscribe"]> | null = null
  return {
    start() {
      subscription ??= nc.subscribe(subjects.allAsksResume, {
        queue: "boo-hub",
        callback: (error, msg) => {
          if (error) log.warn({ err: error }, "resume subscription")
          else void answer(msg)
        },
      })
    },
    async stop() {
      const ending = subscription
      subscription = null
      if (ending !== null && !nc.isClosed()) await ending.drain()
    },
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
