import type { HostId, InstanceId } from "@boocontrol/shared/ids"
import { ResumeReply } from "@boocontrol/shared/resume"
import { subjects } from "@boocontrol/shared/subjects"
import type { Clock } from "../platform/clock.ts"
import type { NatsLink } from "../platform/nats.ts"
import type { ResumeAsk } from "../ports.ts"

const ANSWER_WITHIN_MS = 2_000
const BETWEEN_TRIES_MS = 1_000
// A hub that is starting answers within this; one that is away for longer is not waited for.
const GIVE_UP_AFTER_TRIES = 8

export interface ResumeOptions {
  host: HostId
  instance: InstanceId
  clock: Clock
  link: NatsLink
  tries?: number
  /** Ends the asking: nobody waits for the answer any more. */
  signal?: AbortSignal
}

/** Asks the hub what it has of this host. Null where no hub answers, so that the caller can go on without it. */
export function resumeAsk(options: ResumeOptions): ResumeAsk {
  const { host, instance, clock, link, tries = GIVE_UP_AFTER_TRIES, signal } = options

  async function once(): Promise<ResumeReply | null> {
    const reply = await link.request(
      subjects.askResume(host),
      JSON.stringify({ v: 1, instance }),
      ANSWER_WITHIN_MS,
    )
    if (reply === null) return null
    try {
      return ResumeReply.safeParse(JSON.parse(reply)).data ?? null
    } catch {
      return null
    }
  }

  async function ask(): Promise<ResumeReply | null> {
    for (let left = tries; ; left -= 1) {
      const reply = await once()
      if (reply !== null || left <= 1 || signal?.aborted) return reply
      await clock.sleep(BETWEEN_TRIES_MS, signal)
    }
  }

  // Whoever asks while the question is out hears the same answer.
  let asking: Promise<ResumeReply | null> | null = null
  return {
    ask() {
      asking ??= ask().finally(() => {
        asking = null
      })
      return asking
    },
  }
}
