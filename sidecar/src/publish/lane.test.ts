import { describe, expect, it } from "vitest"
import { manualClock } from "../platform/clock-manual.ts"
import { memorySpool } from "../spool/memory.ts"
import type { SpoolRecord } from "../spool/ports.ts"
import { createLane } from "./lane.ts"
import type { PublishOutcome } from "./pub-ack.ts"

const STORED: PublishOutcome = { kind: "stored", duplicate: false }
const FULL: PublishOutcome = { kind: "refused", reason: "full" }

function world() {
  const clock = manualClock()
  const spool = memorySpool(10_000_000)
  const sent: { id: string; token: string }[] = []
  const broken = new Set<string>()
  const warnings: string[] = []
  const lane = createLane({
    stream: "BOO_EVENTS",
    spool,
    clock,
    log: { info: () => {}, warn: (message) => void warnings.push(message) },
    send(record: SpoolRecord, token: string) {
      if (broken.has(record.messageId)) throw new Error("max_payload size exceeded")
      sent.push({ id: record.messageId, token })
      return true
    },
  })
  const states = new Map<string, string>()
  function add(id: string) {
    const payload = new Uint8Array(10)
    states.set(id, "kept")
    spool
      .append({ lane: "BOO_EVENTS", kind: "note", messageId: id, atMs: 0, payload })
      .then(() => states.set(id, "safe"))
      .catch(() => states.set(id, "lost"))
    lane.pump()
  }
  const answer = (id: string, outcome: PublishOutcome) => {
    const last = sent.findLast((one) => one.id === id)
    lane.answered(last?.token ?? "", outcome)
  }
  const ids = () => sent.map(({ id }) => id)
  return { clock, spool, lane, sent, add, answer, ids, states, warnings, broken }
}

describe("a lane to a stream", () => {
  it("sends nothing while it is closed and everything in order when it opens", async () => {
    const { lane, add, ids, clock } = world()
    for (const id of ["a", "b", "c"]) add(id)
    await clock.advance(10_000)
    expect(ids()).toEqual([])
    lane.open()
    await clock.advance(0)
    expect(ids()).toEqual(["a", "b", "c"])
  })

  it("calls a message safe only when its stream has it", async () => {
    const { lane, add, answer, states, clock, spool } = world()
    lane.open()
    add("a")
    await clock.advance(0)
    expect(states.get("a")).toBe("kept")
    answer("a", STORED)
    await clock.advance(0)
    expect(states.get("a")).toBe("safe")
    expect(spool.status().depth).toBe(0)
  })

  it("keeps at most 64 on the way", async () => {
    const { lane, add, answer, ids, clock } = world()
    lane.open()
    for (let at = 0; at < 100; at += 1) add(`m${at}`)
    await clock.advance(0)
    expect(ids()).toHaveLength(64)
    answer("m0", STORED)
    await clock.advance(0)
    expect(ids().at(-1)).toBe("m64")
  })

  it("sends again from the oldest after a connection was lost, under the same ids", async () => {
    const { lane, add, answer, ids, clock } = world()
    lane.open()
    for (const id of ["a", "b", "c"]) add(id)
    await clock.advance(0)
    answer("b", STORED)
    lane.close()
    lane.open()
    await clock.advance(0)
    expect(ids()).toEqual(["a", "b", "c", "a", "c"])
  })

  it("waits longer after each refusal, then sends again, and says so once", async () => {
    const { lane, add, answer, ids, clock, warnings } = world()
    lane.open()
    add("a")
    await clock.advance(0)
    answer("a", FULL)
    await clock.advance(499)
    expect(ids()).toEqual(["a"])
    await clock.advance(1)
    expect(ids()).toEqual(["a", "a"])
    answer("a", FULL)
    await clock.advance(999)
    expect(ids()).toHaveLength(2)
    await clock.advance(1)
    expect(ids()).toHaveLength(3)
    expect(warnings).toHaveLength(1)
  })

  it("takes silence for a refusal, and counts the answer that comes late all the same", async () => {
    const { lane, add, sent, ids, clock, states } = world()
    lane.open()
    add("a")
    await clock.advance(0)
    await clock.advance(6_000)
    expect(ids()).toEqual(["a", "a"])
    lane.answered(sent[0]?.token ?? "", STORED)
    await clock.advance(0)
    expect(states.get("a")).toBe("safe")
  })

  it("does not take an old refusal for one of the new attempt", async () => {
    const { lane, add, sent, ids, clock } = world()
    lane.open()
    add("a")
    await clock.advance(0)
    lane.close()
    lane.open()
    await clock.advance(0)
    lane.answered(sent[0]?.token ?? "", FULL)
    await clock.advance(4_000)
    expect(ids()).toEqual(["a", "a"])
  })

  it.each(["by the client", "by the stream"])(
    "gives up a message that is too large %s, and goes on",
    async (whom) => {
      const { lane, add, answer, ids, clock, states, broken, spool } = world()
      lane.open()
      if (whom === "by the client") broken.add("big")
      add("big")
      add("next")
      await clock.advance(0)
      if (whom === "by the stream") answer("big", { kind: "too_large", reason: "10054" })
      await clock.advance(0)
      expect(states.get("big")).toBe("lost")
      expect(ids()).toContain("next")
      expect(spool.takeLosses()).toMatchObject([{ reason: "too_large", count: 1, byKind: { note: 1 } }])
    },
  )

  it("is drained when all is stored, or when time is up", async () => {
    const { lane, add, answer, clock } = world()
    lane.open()
    add("a")
    await clock.advance(0)
    let drained = false
    void lane.drained(new AbortController().signal).then(() => (drained = true))
    await clock.advance(0)
    expect(drained).toBe(false)
    answer("a", STORED)
    await clock.advance(0)
    expect(drained).toBe(true)
    add("b")
    const late = new AbortController()
    const ended = lane.drained(late.signal)
    late.abort()
    await ended
  })
})
