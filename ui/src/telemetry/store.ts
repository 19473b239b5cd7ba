import type { PerfFrame } from "@boocontrol/shared/frames"
import type { FleetSnapshot } from "@boocontrol/shared/fleet"
import type { HostId } from "@boocontrol/shared/ids"
import type { PerfSample } from "@boocontrol/shared/telemetry"
import { defineStore } from "pinia"
import { shallowRef } from "vue"
import type { ShallowRef } from "vue"
import { useApi } from "../platform/api.ts"
import { useClock } from "../platform/clock.ts"
import { EMPTY_READINGS, addSamples, fillFrom } from "./readings.ts"
import type { Readings } from "./readings.ts"

// Cards scroll into view in groups; a hub should not get twenty queries at once from every tab.
const MAX_ASKING = 3
const WINDOW_MS = 5 * 60_000
const perfReply = async () => (await import("../platform/schemas.ts")).PerfReply

/** The last minutes of each host that somebody looks at. */
export const useTelemetry = defineStore("telemetry", () => {
  const api = useApi()
  const clock = useClock()
  const byHost = new Map<HostId, ShallowRef<Readings>>()
  const newest = new Map<HostId, PerfSample>()
  const waiting: HostId[] = []
  const asked = new Set<HostId>()
  let asking = 0

  function readings(id: HostId): ShallowRef<Readings> {
    let kept = byHost.get(id)
    if (!kept) {
      kept = shallowRef(EMPTY_READINGS)
      byHost.set(id, kept)
    }
    return kept
  }

  /** Without following it: for sums that are taken once a second. */
  function latest(id: HostId): PerfSample | null {
    return newest.get(id) ?? null
  }

  function add(id: HostId, samples: readonly PerfSample[]): void {
    const kept = readings(id)
    kept.value = addSamples(kept.value, samples, WINDOW_MS)
    if (kept.value.latest) newest.set(id, kept.value.latest)
  }

  function apply(frame: PerfFrame): void {
    add(frame.provider_id, frame.samples)
  }

  /** Newest samples of all hosts, also of those nobody looks at closely. */
  function applySnapshot(snapshot: Pick<FleetSnapshot, "hosts">): void {
    for (const host of snapshot.hosts) if (host.sample) add(host.provider_id, [host.sample])
  }

  /** After a lost connection there are holes: the next look at a host asks for its history again. */
  function lost(): void {
    asked.clear()
  }

  /** Asks once for the minutes before this page was opened. */
  function wantHistory(id: HostId): void {
    if (asked.has(id)) return
    asked.add(id)
    waiting.push(id)
    next()
  }

  function next(): void {
    if (asking >= MAX_ASKING) return
    const id = waiting.shift()
    if (id === undefined) return
    asking++
    void fetchHistory(id).finally(() => {
      asking--
      next()
    })
  }

  async function fetchHistory(id: HostId): Promise<void> {
    const from = new Date(clock.nowMs() - WINDOW_MS).toISOString()
    try {
      const reply = await api.get("perf", perfReply, { query: { provider_id: id, from, points: 150 } })
      readings(id).value = fillFrom(readings(id).value, reply, WINDOW_MS)
    } catch {
      // The sparkline then starts where this page did; the next connection asks again.
      asked.delete(id)
    }
  }

  return { readings, apply, applySnapshot, lost, wantHistory, latest }
})
