import { describe, expect, it } from "vitest"
import { instantOf } from "@boocontrol/shared/time"
import type { StreamName } from "@boocontrol/shared/subjects"
import { BOOT, LATER_BOOT, message, sized } from "./test/messages.ts"
import { crashed, life } from "./test/world.ts"
import type { Life } from "./test/world.ts"

const EVENTS = "BOO_EVENTS"
const PERF = "BOO_PERF"
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)

async function fill(
  { add, settle }: Life,
  lane: StreamName,
  seqs: readonly number[],
  bytes = 100,
): Promise<void> {
  for (const seq of seqs) {
    add(sized(lane, seq, bytes))
    await settle()
  }
}

describe("the spool on disk", () => {
  it("calls a message safe, and lets it be sent, when it is in a file and not before", async () => {
    const one = await life()
    const added = one.add(message(EVENTS, 1))
    expect([added.state, one.sendable]).toEqual(["kept", []])
    await one.settle()
    expect(added.state).toBe("safe")
    expect(one.sendable.map(({ seq }) => seq)).toEqual([1])
    expect(one.files.log).toEqual(["list ", "create events-0000000001.log", "write events-0000000001.log"])
  })

  it("writes what comes together with one call for each lane", async () => {
    const { add, settle, files } = await life()
    for (const seq of range(1, 50)) add(message(seq % 2 ? EVENTS : PERF, seq))
    await settle()
    expect(files.log.filter((line) => line.startsWith("write"))).toHaveLength(2)
  })

  it("gives back after a crash what was not stored: same bytes, boot and number, in order", async () => {
    const first = await life()
    await fill(first, EVENTS, range(1, 5))
    await fill(first, PERF, range(6, 8))
    first.spool.remove(EVENTS, 2)
    await first.clock.advance(10_000)
    const second = await life({ contents: crashed(first) })
    expect(await second.seqs(EVENTS)).toEqual([1, 3, 4, 5])
    const [, third] = await second.left(EVENTS)
    expect(third).toMatchObject({ ...sized(EVENTS, 3, 100), boot: BOOT })
    expect(second.spool.status()).toMatchObject({ depth: 7, oldest_at: instantOf(1_750_000_000_001) })
    second.add(message(EVENTS, 1, { boot: LATER_BOOT }))
    await second.settle()
    expect((await second.left(EVENTS)).map(({ boot, seq }) => [boot, seq]).at(-1)).toEqual([LATER_BOOT, 1])
  })

  it("keeps what is appended while it looks for what is left, and gives it later places", async () => {
    const first = await life()
    await fill(first, EVENTS, [1, 2])
    const second = await life({ contents: crashed(first), open: false })
    const added = second.add(message(EVENTS, 1, { boot: LATER_BOOT }))
    expect(second.spool.status().depth).toBe(1)
    await second.spool.open({ onSendable: () => {}, onLoss: () => {}, onProblem: () => {} })
    await second.settle()
    expect(added.state).toBe("safe")
    expect(await second.seqs(EVENTS)).toEqual([1, 2, 1])
  })

  it("leaves nothing behind when all is stored", async () => {
    const one = await life()
    await fill(one, EVENTS, range(1, 3))
    await fill(one, PERF, range(4, 5))
    for (const { lane, position } of [...one.sendable]) one.spool.remove(lane, position)
    await one.spool.close()
    expect([...one.files.contents.keys()]).toEqual([])
    expect(one.clock.pending()).toBe(0)
  })

  it("removes a file that still grows before it is large", async () => {
    const one = await life()
    for (const seq of range(1, 500)) {
      await fill(one, PERF, [seq], 5_000)
      one.spool.remove(PERF, one.sendable.at(-1)?.position ?? 0)
    }
    await one.clock.advance(10_000)
    const bytes = [...one.files.contents.values()].reduce((sum, { length }) => sum + length, 0)
    expect(bytes).toBeLessThan(80_000)
    expect(one.spool.status()).toEqual({ depth: 0, bytes: 0, oldest_at: null, dropped: 0 })
  })

  it("reads a backlog of many files in order, from where it is asked, past what is done", async () => {
    const one = await life()
    await fill(one, PERF, range(1, 60), 100_000)
    expect(one.files.contents.size).toBeGreaterThan(4)
    const third = await life({ contents: crashed(one) })
    const [, second] = await third.left(PERF)
    for (const { position, seq } of await third.left(PERF))
      if (seq % 3 === 0) third.spool.remove(PERF, position)
    expect(await third.seqs(PERF)).toEqual(range(1, 60).filter((seq) => seq % 3 !== 0))
    const on = await third.spool.read(PERF, second?.position ?? 0, 5)
    expect(on.map(({ seq }) => seq)).toEqual([4, 5, 7, 8, 10].slice(0, on.length))
  })

  it("asks the disk to make sure only of what is not stored, and at most once a second", async () => {
    const one = await life()
    const syncs = () => one.files.log.filter((line) => line.startsWith("sync")).length
    await fill(one, EVENTS, [1])
    one.spool.remove(EVENTS, one.sendable[0]?.position ?? 0)
    await one.clock.advance(1_000)
    expect(syncs()).toBe(0)
    for (const tenth of range(2, 31)) {
      await fill(one, EVENTS, [tenth])
      await one.clock.advance(100)
    }
    expect(syncs()).toBe(3)
    await one.clock.advance(10_000)
    expect(syncs()).toBeLessThanOrEqual(4)
    expect(one.clock.pending()).toBe(0)
  })
})

describe("a spool that is full", () => {
  const MB = 1024 * 1024

  it("gives up the oldest telemetry first, and notes what, of when and under which numbers", async () => {
    const one = await life({ maxBytes: MB })
    await fill(one, EVENTS, range(1, 10), 10_000)
    await fill(one, PERF, range(11, 130), 10_000)
    expect(await one.seqs(EVENTS)).toEqual(range(1, 10))
    const perf = await one.seqs(PERF)
    const first = perf[0] ?? 0
    expect(perf).toEqual(range(first, 130))
    const losses = await one.tell()
    expect(
      losses.flatMap(({ seqs }) => seqs.flatMap(({ ranges }) => ranges.flatMap(([a, b]) => range(a, b)))),
    ).toEqual(range(11, first - 1))
    expect(losses.reduce((sum, { count }) => sum + count, 0)).toBe(first - 11)
    expect(losses[0]).toMatchObject({
      reason: "no_room",
      fromMs: 1_750_000_000_011,
      byKind: { perf: losses[0]?.count },
    })
    expect(one.spool.status().dropped).toBe(first - 11)
    const bytes = [...one.files.contents.values()].reduce((sum, { length }) => sum + length, 0)
    expect(bytes).toBeLessThanOrEqual(MB)
  })

  it("gives up no event for telemetry, and the oldest events for events", async () => {
    const one = await life({ maxBytes: MB })
    await fill(one, EVENTS, range(1, 105), 9_900)
    const refused = one.add(sized(PERF, 106, 60_000))
    await one.settle()
    expect(refused.state).toBe("lost")
    expect(await one.seqs(EVENTS)).toEqual(range(1, 105))
    await fill(one, EVENTS, range(107, 120), 9_900)
    const events = await one.seqs(EVENTS)
    expect(events.at(-1)).toBe(120)
    expect(events[0]).toBeGreaterThan(1)
  })

  it("tells what was given up even if the process dies before the note is written", async () => {
    const one = await life({ maxBytes: MB })
    await fill(one, PERF, range(1, 110), 10_000)
    const kept = await one.seqs(PERF)
    const next = await life({ contents: crashed(one) })
    expect(await next.seqs(PERF)).toEqual(kept)
    const told = await next.tell()
    expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(110 - kept.length)
    const last = await life({ contents: crashed(next) })
    expect(await last.tell()).toEqual([])
    expect(await last.seqs(PERF)).toEqual(kept)
  })

  it("does not count what was stored before its file was given up", async () => {
    const one = await life({ maxBytes: MB })
    await fill(one, PERF, range(1, 30), 10_000)
    for (const { position, seq } of [...one.sendable]) if (seq <= 3) one.spool.remove(PERF, position)
    await fill(one, PERF, range(31, 105), 10_000)
    const [loss] = await one.tell()
    expect(loss?.seqs[0]?.ranges[0]?.[0]).toBe(4)
  })
})

describe("a disk that cannot be written", () => {
  it.each(["ENOSPC", "EROFS", "EIO"])(
    "runs from memory on %s, says so, and writes again when it can",
    async (code) => {
      const one = await life()
      await fill(one, EVENTS, [1])
      one.files.fail = (operation) =>
        ["write", "create", "append"].includes(operation) ? { code, partBytes: 7 } : null
      const second = one.add(message(EVENTS, 2))
      const third = one.add(message(PERF, 3))
      await one.settle()
      expect([second.state, third.state]).toEqual(["kept", "kept"])
      expect(one.sendable.map(({ seq }) => seq)).toEqual([1, 2, 3])
      expect(one.spool.status().problem).toContain(code)
      expect(one.spool.status().problem_at).toBeDefined()
      expect(one.said.filter((line) => line.startsWith("the spool cannot"))).toHaveLength(1)
      one.spool.remove(EVENTS, 2)
      await one.settle()
      expect(second.state).toBe("safe")
      one.files.fail = () => null
      await one.clock.advance(31_000)
      expect(third.state).toBe("safe")
      expect(one.spool.status().problem).toBeUndefined()
      expect(one.spool.status().problem_at).toBeUndefined()
      await fill(one, EVENTS, [4])
      const next = await life({ contents: crashed(one) })
      expect([...(await next.seqs(EVENTS)), ...(await next.seqs(PERF))]).toEqual([1, 4, 3])
      expect(await next.tell()).toEqual([])
    },
  )

  it("keeps little in memory: the oldest telemetry goes first, and is noted", async () => {
    const one = await life()
    one.files.fail = (operation) => (operation === "create" ? { code: "EROFS" } : null)
    await fill(one, EVENTS, range(1, 10), 100_000)
    await fill(one, PERF, range(11, 60), 100_000)
    expect(await one.seqs(EVENTS)).toEqual(range(1, 10))
    const perf = await one.seqs(PERF)
    expect(perf.at(-1)).toBe(60)
    expect(one.spool.status().bytes).toBeLessThanOrEqual(4 * 1024 * 1024)
    const [loss] = await one.tell()
    expect(loss).toMatchObject({ reason: "no_disk", count: (perf[0] ?? 0) - 11 })
  })

  it("runs from memory while the disk does not answer, and takes the answer when it comes", async () => {
    const one = await life()
    await fill(one, EVENTS, [1])
    const { promise, resolve } = Promise.withResolvers<void>()
    one.files.answers = promise
    const added = [2, 3].map((seq) => one.add(message(EVENTS, seq)))
    await one.clock.advance(4_999)
    expect(one.sendable.map(({ seq }) => seq)).toEqual([1])
    await one.clock.advance(1)
    expect(one.sendable.map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect(one.spool.status().problem).toContain("does not answer")
    one.spool.remove(EVENTS, 2)
    resolve()
    await one.settle()
    expect(added.map(({ state }) => state)).toEqual(["safe", "safe"])
    expect(one.spool.status().problem).toBeUndefined()
    expect(await one.seqs(EVENTS)).toEqual([1, 3])
  })

  it("leaves no half record behind, even where it cannot be cut off", async () => {
    const one = await life()
    await fill(one, EVENTS, [1])
    one.files.fail = (operation) =>
      operation === "write" || operation === "truncate" ? { code: "ENOSPC", partBytes: 20 } : null
    one.add(message(EVENTS, 2))
    await one.settle()
    one.files.fail = () => null
    await one.clock.advance(1_000)
    await fill(one, EVENTS, [3])
    const next = await life({ contents: crashed(one) })
    expect(await next.seqs(EVENTS)).toEqual([1, 2, 3])
    expect(await next.tell()).toEqual([])
  })

  it("finds what was written around a message that was stored from memory", async () => {
    const one = await life()
    await fill(one, EVENTS, [1])
    one.files.fail = (operation) => (operation === "write" ? { code: "ENOSPC" } : null)
    await fill(one, EVENTS, [2, 3])
    one.spool.remove(EVENTS, 2)
    one.files.fail = () => null
    await one.clock.advance(1_000)
    // Enough that none of it is in memory any more.
    await fill(one, EVENTS, range(4, 8), 60_000)
    expect((await one.left(EVENTS)).map(({ seq, position }) => [seq, position])).toEqual(
      [1, ...range(3, 8)].map((seq) => [seq, seq]),
    )
  })

  it("sends what earlier lives left from a disk that has become read-only", async () => {
    const first = await life()
    await fill(first, EVENTS, range(1, 3))
    const second = await life({ contents: crashed(first), open: false })
    second.files.fail = (operation) => (["list", "read"].includes(operation) ? null : { code: "EROFS" })
    await second.spool.open({ onSendable: () => {}, onLoss: () => {}, onProblem: () => {} })
    second.add(message(EVENTS, 1, { boot: LATER_BOOT }))
    await second.settle()
    expect(await second.seqs(EVENTS)).toEqual([1, 2, 3, 1])
    for (const { position } of await second.left(EVENTS)) second.spool.remove(EVENTS, position)
    expect(second.spool.depth(EVENTS)).toBe(0)
  })
})

describe("a disk that cannot make sure of what it was given", () => {
  const sync = (operation: string) => (operation === "sync" ? { code: "EIO" } : null)

  it("is given it again and asked again without a new message, and that is said until it can", async () => {
    const one = await life()
    await fill(one, EVENTS, [1])
    one.files.fail = sync
    await one.clock.advance(1_000)
    const beganAt = instantOf(one.clock.now())
    await one.clock.advance(2_000)
    const { problem, problem_at } = one.spool.status()
    expect([problem, problem_at]).toEqual([expect.stringMatching(/cannot be synced.*EIO/), beganAt])
    expect(one.said.filter((line) => line.startsWith("the spool cannot be synced"))).toHaveLength(1)
    one.files.fail = () => null
    one.files.log.length = 0
    await one.clock.advance(1_000)
    expect(one.files.log).toEqual(
      ["read", "open", "write", "sync"].map((operation) => `${operation} events-0000000001.log`),
    )
    expect(one.said.at(-1)).toBe("problem: none")
    expect(one.clock.pending()).toBe(0)
    await fill(one, EVENTS, [2])
    expect(await (await life({ contents: crashed(one) })).seqs(EVENTS)).toEqual([1, 2])
  })

  it("is asked again for a file that grows no more, and what is written meanwhile stays as it is", async () => {
    const one = await life()
    one.files.fail = sync
    await fill(one, PERF, range(1, 15), 100_000)
    await one.clock.advance(1_000)
    await fill(one, PERF, [16])
    expect(one.spool.status().problem).toContain("cannot be synced")
    one.files.fail = (operation, name) => (name === "perf-0000000001.log" ? sync(operation) : null)
    await one.clock.advance(1_000)
    expect(one.spool.status().problem).toContain("cannot be synced")
    one.files.fail = () => null
    await one.clock.advance(1_000)
    expect(one.spool.status().problem).toBeUndefined()
    expect(await (await life({ contents: crashed(one) })).seqs(PERF)).toEqual(range(1, 16))
  })

  it("matters no more when all is stored", async () => {
    const one = await life()
    await fill(one, EVENTS, [1])
    one.files.fail = sync
    await one.clock.advance(1_000)
    one.spool.remove(EVENTS, 1)
    expect(one.spool.status().problem).toBeUndefined()
    one.files.log.length = 0
    await one.clock.advance(20_000)
    expect(one.files.log).toEqual(["append events-0000000001.done"])
  })

  it("does not hide that it cannot be written", async () => {
    const one = await life()
    await fill(one, EVENTS, [1])
    one.files.fail = (operation) => sync(operation) ?? (operation === "write" ? { code: "ENOSPC" } : null)
    one.add(message(EVENTS, 2))
    await one.clock.advance(1_000)
    expect(one.spool.status().problem).toMatch(/cannot be written.*ENOSPC/)
    one.files.fail = sync
    await one.clock.advance(3_000)
    expect(one.spool.status().problem).toMatch(/cannot be synced.*EIO/)
  })

  it("does not keep the process from ending", async () => {
    const one = await life()
    await fill(one, EVENTS, [1])
    one.files.fail = sync
    await one.spool.close()
    expect(one.clock.pending()).toBe(0)
  })
})

describe("files that were spoilt", () => {
  async function spoilt(at: number): Promise<Map<string, Buffer>> {
    const one = await life()
    for (const seq of range(1, 12)) await fill(one, seq % 4 === 0 ? PERF : EVENTS, [seq])
    const contents = crashed(one)
    contents.get("events-0000000001.log")?.fill(0xaa, at, at + 10)
    return contents
  }

  it("give what can be read; the rest is counted and noted once, and the file is set aside", async () => {
    const one = await life({ contents: await spoilt(400) })
    expect(await one.seqs(EVENTS)).toEqual([1, 2, 5, 6, 7, 9, 10, 11])
    const [loss] = await one.tell()
    expect(loss).toMatchObject({ reason: "corrupt", count: 1, seqs: [{ boot: BOOT, ranges: [[3, 3]] }] })
    expect([...one.files.contents.keys()]).toContain("events-0000000001.scarred")

    const next = await life({ contents: crashed(one) })
    expect(await next.tell()).toEqual([])
    for (const { position } of await next.left(EVENTS)) next.spool.remove(EVENTS, position)
    await next.settle()
    expect([...next.files.contents.keys()].filter((name) => name.startsWith("events"))).toEqual([
      "events-0000000001.corrupt",
    ])
  })

  it("are told again where the note could not be written before the process died", async () => {
    const one = await life({ contents: await spoilt(400) })
    expect(one.spool.takeLosses()).toHaveLength(1)
    const next = await life({ contents: crashed(one) })
    expect(await next.tell()).toMatchObject([{ reason: "corrupt", count: 1 }])
  })

  it("end where they were torn, which is no loss: nobody was told that it is safe", async () => {
    const one = await life()
    await fill(one, EVENTS, range(1, 3))
    const contents = crashed(one)
    const bytes = contents.get("events-0000000001.log") ?? Buffer.alloc(0)
    contents.set("events-0000000001.log", bytes.subarray(0, -5))
    const next = await life({ contents })
    expect(await next.seqs(EVENTS)).toEqual([1, 2])
    expect(await next.tell()).toEqual([])
    await fill(next, EVENTS, [9])
    expect(await next.seqs(EVENTS)).toEqual([1, 2, 9])
  })

  it.each([
    ["is gone", (contents: Map<string, Buffer>) => void contents.delete("perf-0000000001.log")],
    ["turns to noise", (contents: Map<string, Buffer>) => void contents.get("perf-0000000001.log")?.fill(7)],
  ])("are passed over where one %s while it is in use", async (_, spoil) => {
    const first = await life()
    await fill(first, PERF, range(1, 15), 100_000)
    const one = await life({ contents: crashed(first) })
    spoil(one.files.contents)
    const left = await one.seqs(PERF)
    expect(left).toEqual(range(left[0] ?? 0, 15))
    expect(left[0]).toBeGreaterThan(5)
    const [loss] = await one.tell()
    expect(loss).toMatchObject({
      reason: "corrupt",
      count: (left[0] ?? 0) - 1,
      byKind: { perf: (left[0] ?? 0) - 1 },
    })
    expect(one.spool.depth(PERF)).toBe(left.length)
  })

  it("do not keep a foreign file from being left alone", async () => {
    const contents = new Map([["notes.txt", Buffer.from("mine")]])
    const one = await life({ contents })
    await fill(one, EVENTS, [1])
    expect(contents.get("notes.txt")?.toString()).toBe("mine")
  })
})
