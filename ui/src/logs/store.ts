import type { LogFrame } from "@boocontrol/shared/frames"
import type { HostId } from "@boocontrol/shared/ids"
import { defineStore } from "pinia"
import { shallowRef } from "vue"
import { useClock } from "../platform/clock.ts"
import { useArrivingLogs } from "./arriving.ts"
import { linesOf, mergeLines } from "./line.ts"
import type { LogLine, Merged } from "./line.ts"

/** An hour of a busy fleet or four seconds of a storm; beyond it the oldest fall off. */
export const KEPT_LINES = 20_000
/** Faster than anybody reads, slow enough that a storm of lines is drawn a few times a second only. */
const GATHER_MS = 80
/** Somebody goes from one page with logs to another: the tail need not come twice. */
const LINGER_MS = 5_000

interface Following {
  count: number
  release: () => void
  cancelLinger: (() => void) | null
}

/** Lines of the hosts somebody looks at. Logs are relayed, never stored: what fell off is gone. */
export const useLogs = defineStore("logs", () => {
  const clock = useClock()
  const change = shallowRef<Merged>({ lines: [], keptUntil: null, fallen: 0 })
  const following = new Map<HostId, Following>()
  /** Hosts whose tail comes again: what is shown of them goes when it does. */
  const stale = new Set<HostId>()
  let pending: LogLine[] = []
  let counted = 0
  let cancelGather: (() => void) | null = null

  /** Keeps lines of a host for as long as somebody holds it; `need` asks for them. */
  function hold(host: HostId, need: () => () => void): () => void {
    const known = following.get(host)
    const entry = known ?? { count: 0, release: need(), cancelLinger: null }
    entry.cancelLinger?.()
    entry.cancelLinger = null
    entry.count += 1
    following.set(host, entry)
    return () => {
      entry.count -= 1
      if (entry.count === 0) entry.cancelLinger = clock.after(LINGER_MS, () => forget(host))
    }
  }

  function forget(host: HostId): void {
    following.get(host)?.release()
    following.delete(host)
    drop(host)
  }

  function drop(host: HostId): void {
    pending = pending.filter((line) => line.host !== host)
    const lines = change.value.lines.filter((line) => line.host !== host)
    change.value = { lines, keptUntil: null, fallen: 0 }
  }

  function apply(frame: LogFrame): void {
    if (!following.has(frame.provider_id)) return
    if (stale.delete(frame.provider_id)) drop(frame.provider_id)
    const lines = linesOf(frame, counted, clock.nowMs())
    counted += lines.length
    pending.push(...lines)
    if (pending.length > KEPT_LINES) pending = pending.slice(-KEPT_LINES)
    cancelGather ??= clock.after(GATHER_MS, () => {
      cancelGather = null
      const added = pending
      pending = []
      change.value = mergeLines(change.value.lines, added, KEPT_LINES)
    })
  }

  /** The connection is gone: a new one brings the tail of each host again. */
  function lost(): void {
    for (const host of following.keys()) stale.add(host)
  }

  useArrivingLogs().readBy({ apply, lost })
  return { change, hold, apply, lost }
})
