import { describe, expect, it } from "vitest"
import { manualClock } from "../platform/clock-manual.ts"
import { createVigil } from "./vigil.ts"

/** An engine that is there or is not, and the vigil over it. `status`: of its stream; only 200 gives one. */
function scene({ status = 200 } = {}) {
  const clock = manualClock()
  let isThere = true
  let endHeld: (() => void) | null = null
  const knocks: number[] = []
  const back: number[] = []
  const closed: boolean[] = []
  const start = clock.now()
  const vigil = createVigil({
    http: {
      stream() {
        knocks.push(clock.now() - start)
        if (!isThere) return Promise.reject(new Error("connect ECONNREFUSED"))
        const { promise, resolve } = Promise.withResolvers<void>()
        endHeld = resolve
        async function* chunks() {
          yield Buffer.from("event: message")
          await promise
        }
        return Promise.resolve({ status, chunks: chunks(), close: () => void closed.push(true) })
      },
    },
    path: "/api/events",
    clock,
    back: (goneMs) => back.push(goneMs),
  })
  return {
    ...{ clock, vigil, knocks, back, closed },
    comes: () => {
      isThere = true
    },
    /** Its machine loses power: nobody is told. */
    vanishes: () => {
      isThere = false
    },
    goes: () => {
      isThere = false
      endHeld?.()
      endHeld = null
    },
    /** Past the first look, which nobody can say anything of. */
    async open() {
      vigil.begin()
      vigil.end()
      await clock.advance(5_000)
      knocks.length = 0
      closed.length = 0
    },
  }
}

describe("while no stream is open", () => {
  it("says that nothing lived unseen where the engine answered all along", async () => {
    const { clock, vigil, knocks, closed, open } = scene()
    await open()
    vigil.begin()
    await clock.advance(1_400)
    expect(vigil.end()).toBe(false)
    expect(knocks).toHaveLength(1)
    expect(closed).toEqual([true])
  })

  it("says so too where it was gone and came back once", async () => {
    const { clock, vigil, back, comes, goes, open } = scene()
    await open()
    goes()
    vigil.begin()
    await clock.advance(900)
    comes()
    await clock.advance(900)
    expect(vigil.end()).toBe(false)
    expect(back).toEqual([750])
  })

  it.each([200, 401])(
    "sees a life that came and went between two tries (answered with %d)",
    async (status) => {
      const { clock, vigil, comes, goes, open } = scene({ status })
      await open()
      goes()
      vigil.begin()
      await clock.advance(600)
      comes()
      await clock.advance(300)
      goes()
      await clock.advance(300)
      comes()
      await clock.advance(300)
      expect(vigil.end()).toBe(true)
    },
  )

  it("sees a life that ended though another began at once", async () => {
    const { clock, vigil, comes, goes, open } = scene()
    await open()
    vigil.begin()
    await clock.advance(300)
    goes()
    comes()
    await clock.advance(100)
    expect(vigil.end()).toBe(true)
  })

  it("knocks again where a stream that it holds says nothing and no try gets through", async () => {
    const { clock, vigil, back, vanishes, comes, open } = scene()
    await open()
    vigil.begin()
    await clock.advance(300)
    vanishes()
    await clock.advance(700)
    expect(back).toEqual([])
    vigil.failed()
    await clock.advance(1_000)
    comes()
    await clock.advance(300)
    expect(back).toHaveLength(1)
    expect(vigil.end()).toBe(true)
  })

  it("forgets what was before the last stream", async () => {
    const { clock, vigil, goes, comes, open } = scene()
    await open()
    vigil.begin()
    await clock.advance(300)
    goes()
    comes()
    await clock.advance(0)
    expect(vigil.end()).toBe(true)
    await clock.advance(10_000)
    vigil.begin()
    await clock.advance(1_000)
    expect(vigil.end()).toBe(false)
  })

  it("takes a proxy with nobody behind it for no engine", async () => {
    const { clock, vigil, back, open } = scene({ status: 502 })
    await open()
    vigil.begin()
    await clock.advance(2_000)
    expect(vigil.end()).toBe(false)
    expect(back).toEqual([])
  })

  it("takes no engine that is ending for another", async () => {
    const { clock, vigil, comes, goes, open } = scene()
    await open()
    vigil.begin()
    await clock.advance(200)
    goes()
    await clock.advance(500)
    comes()
    await clock.advance(500)
    expect(vigil.end()).toBe(false)
  })

  it("knocks four times a second, and once a second after half a minute", async () => {
    const { clock, vigil, knocks, goes, open } = scene()
    await open()
    goes()
    vigil.begin()
    await clock.advance(30_000)
    expect(knocks.length).toBeGreaterThan(115)
    knocks.length = 0
    await clock.advance(60_000)
    expect(knocks.length).toBeLessThan(65)
    vigil.stop()
    expect(clock.pending()).toBe(0)
  })

  it("does not take what was long ago for now where the clock was set back since", async () => {
    const { clock, vigil, open } = scene()
    await open()
    clock.step(clock.now() + 20_000)
    await clock.advance(1_000)
    clock.step(clock.now() - 3_600_000)
    await clock.advance(60_000)
    vigil.begin()
    expect(vigil.end()).toBe(false)
  })

  it.each([
    ["just before the stream ended", 0],
    ["long before", 60_000],
  ])("can say nothing where this process was frozen %s", async (_, laterMs) => {
    const { clock, vigil, open } = scene()
    await open()
    // The wall clock is ahead of the timers by what was slept through.
    clock.step(clock.now() + 20_000)
    await clock.advance(1_000 + laterMs)
    vigil.begin()
    expect(vigil.end()).toBe(laterMs === 0)
  })
})
