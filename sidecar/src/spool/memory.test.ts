import { describe, expect, it } from "vitest"
import type { EventKind, StreamName } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import { memorySpool } from "./memory.ts"

const KB = 1_000
let made = 0

function message(lane: StreamName, kind: EventKind, atMs: number) {
  made += 1
  return { lane, kind, messageId: `m${made}`, atMs, payload: new Uint8Array(KB - 500) }
}

describe("the spool in memory", () => {
  it("gives up the oldest telemetry first, and counts what and of when", async () => {
    const spool = memorySpool(4 * KB)
    const lost: number[] = []
    const add = (lane: StreamName, kind: EventKind, atMs: number) =>
      void spool.append(message(lane, kind, atMs)).catch(() => lost.push(atMs))
    add("BOO_EVENTS", "activity", 1)
    for (const atMs of [2, 3, 4, 5, 6]) add("BOO_PERF", "perf", atMs)
    await Promise.resolve()
    expect(spool.status()).toEqual({ depth: 4, bytes: 4 * KB, oldest_at: instantOf(1), dropped: 2 })
    expect(lost).toEqual([2, 3])
    expect(spool.takeLosses()).toEqual([
      { reason: "no_room", count: 2, byKind: { perf: 2 }, fromMs: 2, toMs: 3 },
    ])
    expect(spool.takeLosses()).toEqual([])
  })

  it("gives up events only when there is no telemetry left, and never the newest message", async () => {
    const spool = memorySpool(2 * KB)
    const lost: number[] = []
    for (const atMs of [1, 2, 3])
      spool.append(message("BOO_EVENTS", "activity", atMs)).catch(() => lost.push(atMs))
    spool.append(message("BOO_PERF", "perf", 4)).catch(() => lost.push(4))
    await Promise.resolve()
    expect(lost).toEqual([1, 2])
    expect((await spool.read("BOO_PERF", 0, 9)).map(({ atMs }) => atMs)).toEqual([4])
  })

  it("reads each lane in order, from where it is asked", async () => {
    const spool = memorySpool(100 * KB)
    for (const atMs of [1, 2, 3, 4]) void spool.append(message("BOO_EVENTS", "note", atMs))
    const [first, second] = await spool.read("BOO_EVENTS", 0, 2)
    expect([first?.atMs, second?.atMs]).toEqual([1, 2])
    const rest = await spool.read("BOO_EVENTS", second?.position ?? 0, 9)
    expect(rest.map(({ atMs }) => atMs)).toEqual([3, 4])
  })
})
