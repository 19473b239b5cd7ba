import type { Frame } from "@boocontrol/shared/frames"
import { epochMsOf } from "@boocontrol/shared/time"
import { inject, readonly, shallowRef } from "vue"
import type { InjectionKey, Ref } from "vue"

export interface Latency {
  /** Median ms from an event on a host to its pixels, over the last measured ones. Null before the first. */
  readonly eventToScreenMs: Readonly<Ref<number | null>>
  /** Call when a frame arrived and before it is applied. */
  readonly note: (frame: Frame, receivedMs: number) => void
}

interface LatencyDeps {
  readonly monotonicMs: () => number
  /** Calls back after the next paint. */
  readonly afterPaint: (run: () => void) => void
}

// About half a minute of a busy fleet; enough that one slow frame does not move the figure.
const KEPT = 101

/**
 * Time on the way is taken between two clocks of the servers, time on screen by this machine's own clock:
 * a browser whose clock is wrong still shows the true figure.
 */
export function createLatency({ monotonicMs, afterPaint }: LatencyDeps): Latency {
  const eventToScreenMs = shallowRef<number | null>(null)
  const recent: number[] = []
  let measuring = false

  return {
    eventToScreenMs: readonly(eventToScreenMs),
    note(frame, receivedMs) {
      if (measuring) return
      const onTheWay = wayMs(frame)
      if (onTheWay === null) return
      measuring = true
      afterPaint(() => {
        measuring = false
        recent.push(onTheWay + monotonicMs() - receivedMs)
        if (recent.length > KEPT) recent.shift()
        eventToScreenMs.value = median(recent)
      })
    },
  }
}

/** From event to hub's send, null where the frame does not say or the two clocks disagree beyond belief. */
export function wayMs(frame: Frame): number | null {
  if (!("event_at" in frame) || !frame.event_at || !frame.at) return null
  const ms = epochMsOf(frame.at) - epochMsOf(frame.event_at)
  return ms >= 0 && ms < 60_000 ? ms : null
}

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** In a hidden tab nothing is painted, so nothing is measured. */
export function afterPaint(run: () => void): void {
  requestAnimationFrame(() => {
    const channel = new MessageChannel()
    channel.port1.addEventListener("message", run, { once: true })
    channel.port1.start()
    channel.port2.postMessage(null)
  })
}

export const LATENCY: InjectionKey<Latency> = Symbol("latency")

export function useLatency(): Latency {
  const latency = inject(LATENCY)
  if (!latency) throw new Error("no latency was provided")
  return latency
}
