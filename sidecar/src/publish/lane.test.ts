import { describe, expect, it } from "vitest"
import { manualClock } from "../platform/clock-manual.ts"
import { diskSpool } from "../spool/disk.ts"
import type { SpoolRecord } from "../spool/ports.ts"
import { memoryFiles } from "../spool/test/memory-files.ts"
import { message } from "../spool/test/messages.ts"
import { createLane } from "./lane.ts"
import type { PublishOutcome } from "./pub-ack.ts"

const STORED: PublishOutcome = { kind: "stored", duplicate: false }
const FULL: PublishOutcome = { kind: "refused", reason: "full" }

const PLAIN = { inOrder: false, bytes: 10 }

async function world(before: readonly string[] = []) {
  const clock = manualClock()
  const log = { info: () => {}, warn: (message: string) => void warnings.push(message) }
  const spool = diskSpool({ files: memoryFiles(), maxBytes: 10_000_000, clock, log })
  const sent: { id: string; token: string }[] = []
  const broken = new Set<string>()
  const warnings: string[] = []
  const names: string[] = []
  const lane = createLane({
    ...{ stream: "BOO_EVENTS", spool, clock, log },
    send({ seq }: SpoolRecord, token: string) {
      const id = names[seq - 1] ?? ""
      if (broken.has(id)) throw new Error("max_payload size exceeded")
      sent.push({ id, token })
      return true
    },
  })
  const lost: string[] = []
  async function add(id: string, { inOrder, bytes } = PLAIN) {
    names.push(id)
    const payload = Buffer.alloc(bytes)
    void spool
      .append(message("BOO_EVENTS", names.length, { inOrder, payload }))
      .catch(() => void lost.push(id))
    await clock.advance(0)
  }
  for (const id of before) void add(id)
  await spool.open({ onSendable: (record) => lane.appended(record), onLoss: () => {}, onProblem: () => {} })
  await clock.advance(0)
  const answer = (id: string, outcome: PublishOutcome) => {
    const last = sent.findLast((one) => one.id === id)
    lane.answered(last?.token ?? "", outcome)
    return clock.advance(0)
  }
  const ids = () => sent.map(({ id }) => id)
  return { clock, spool, lane, sent, add, answer, ids, lost, warnings, broken }
}

const many = (count: number, prefix = "m") => Array.from({ length: count }, (_, at) => `${prefix}${at}`)

describe("a lane to a stream", () => {
  it("sends nothing while it is closed and everything in order when it opens", async () => {
    const { lane, ids, clock } = await world(["a", "b", "c"])
    await clock.advance(10_000)
    expect(ids()).toEqual([])
    lane.open()
    await clock.advance(0)
    expect(ids()).toEqual(["a", "b", "c"])
  })

  it("keeps a message until its stream has it", async () => {
    const { lane, add, answer, spool } = await world()
    lane.open()
    await add("a")
    expect(spool.depth("BOO_EVENTS")).toBe(1)
    await answer("a", STORED)
    expect(spool.depth("BOO_EVENTS")).toBe(0)
  })

  it("keeps at most 64 on the way, of which what was kept takes at most half", async () => {
    const { lane, add, answer, ids, clock } = await world(many(100))
    lane.open()
    await clock.advance(0)
    expect(ids()).toEqual(many(32))
    for (const id of many(100, "live")) await add(id)
    expect(ids().slice(32)).toEqual(many(32, "live"))
    await answer("m0", STORED)
    expect(ids().at(-1)).toBe("m32")
    expect(ids()).toHaveLength(65)
  })

  it("lets what happens now overtake what is kept, and what is kept arrive in order at its own rate", async () => {
    const { lane, add, sent, ids, clock } = await world(many(200))
    lane.open()
    const atOnce = setUpAnswers()
    function setUpAnswers() {
      let answered = 0
      return async (ms: number) => {
        for (let left = ms; left >= 0; left -= 50) {
          for (; answered < sent.length; answered += 1) lane.answered(sent[answered]?.token ?? "", STORED)
          await clock.advance(50)
        }
      }
    }
    await atOnce(0)
    const first = ids().length
    expect(first).toBeLessThan(100)
    await add("live")
    expect(ids().at(-1)).toBe("live")
    await atOnce(1_000)
    expect(ids().length - first).toBeLessThan(70)
    await atOnce(6_000)
    expect(ids().filter((id) => id !== "live")).toEqual(many(200))
  })

  it("lets what only adds to earlier messages wait its turn", async () => {
    const { lane, add, answer, ids, clock } = await world(many(40))
    lane.open()
    await clock.advance(0)
    await add("more", { inOrder: true, bytes: 10 })
    expect(ids()).toEqual(many(32))
    for (const id of many(32)) await answer(id, STORED)
    expect(ids()).toEqual([...many(40), "more"])
  })

  it("takes large messages slower, so that a slow link has room for what happens now", async () => {
    const { lane, clock, ids, add, sent } = await world()
    for (const id of many(20)) await add(id, { inOrder: false, bytes: 100_000 })
    lane.open()
    await clock.advance(0)
    for (const { token } of sent) lane.answered(token, STORED)
    await clock.advance(100)
    expect(ids().length).toBeLessThan(12)
  })

  it("sends again from the oldest after a connection was lost", async () => {
    const { lane, add, answer, ids, clock } = await world()
    lane.open()
    for (const id of ["a", "b", "c"]) await add(id)
    await answer("b", STORED)
    lane.close()
    lane.open()
    await clock.advance(0)
    expect(ids()).toEqual(["a", "b", "c", "a", "c"])
  })

  it("waits longer after each refusal, then sends again, and says so once", async () => {
    const { lane, add, answer, ids, clock, warnings } = await world()
    lane.open()
    await add("a")
    await answer("a", FULL)
    await clock.advance(499)
    expect(ids()).toEqual(["a"])
    await clock.advance(1)
    expect(ids()).toEqual(["a", "a"])
    await answer("a", FULL)
    await clock.advance(999)
    expect(ids()).toHaveLength(2)
    await clock.advance(1)
    expect(ids()).toHaveLength(3)
    expect(warnings).toHaveLength(1)
  })

  it("takes silence for a refusal, and counts the answer that comes late all the same", async () => {
    const { lane, add, sent, ids, clock, spool } = await world()
    lane.open()
    await add("a")
    await clock.advance(6_000)
    expect(ids()).toEqual(["a", "a"])
    lane.answered(sent[0]?.token ?? "", STORED)
    expect(spool.depth("BOO_EVENTS")).toBe(0)
  })

  it("does not take an old refusal for one of the new attempt", async () => {
    const { lane, add, sent, ids, clock } = await world()
    lane.open()
    await add("a")
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
      const { lane, add, answer, ids, broken, spool } = await world()
      lane.open()
      if (whom === "by the client") broken.add("big")
      await add("big")
      await add("next")
      if (whom === "by the stream") await answer("big", { kind: "too_large", reason: "10054" })
      expect(ids()).toContain("next")
      expect(spool.depth("BOO_EVENTS")).toBe(1)
      expect(spool.takeLosses()).toMatchObject([{ reason: "too_large", count: 1, byKind: { note: 1 } }])
    },
  )

  it("is drained when all is stored, or when time is up", async () => {
    const { lane, add, answer, clock } = await world()
    lane.open()
    await add("a")
    let drained = false
    void lane.drained(new AbortController().signal).then(() => (drained = true))
    await clock.advance(0)
    expect(drained).toBe(false)
    await answer("a", STORED)
    expect(drained).toBe(true)
    await add("b")
    const late = new AbortController()
    const ended = lane.drained(late.signal)
    late.abort()
    await ended
  })

  it("sets no timer while nothing is on its way", async () => {
    const { lane, add, answer, clock } = await world()
    lane.open()
    await add("a")
    await answer("a", STORED)
    await clock.advance(10_000)
    expect(clock.pending()).toBe(0)
  })
})
