import { describe, expect, it } from "vitest"
import { createVirtualClock, wait } from "./clock.ts"

describe("the virtual clock", () => {
  it("runs what falls due in the order of its time, then of its making", async () => {
    const clock = createVirtualClock(1000)
    const ran: string[] = []
    clock.after(30, () => ran.push(`c@${clock.now()}`))
    clock.after(10, () => ran.push(`a@${clock.now()}`))
    clock.after(10, () => ran.push(`b@${clock.now()}`))
    await clock.advance(29)
    expect(ran).toEqual(["a@1010", "b@1010"])
    await clock.advance(1)
    expect(ran).toEqual(["a@1010", "b@1010", "c@1030"])
  })

  it("repeats until it is cancelled and runs what is scheduled on the way", async () => {
    const clock = createVirtualClock(0)
    const ran: number[] = []
    const cancel = clock.every(100, () => ran.push(clock.now()))
    clock.after(250, () => clock.after(10, () => cancel()))
    await clock.advance(1000)
    expect(ran).toEqual([100, 200])
    expect(clock.now()).toBe(1000)
  })

  it("tells a wait that ran out from one that was called off", async () => {
    const clock = createVirtualClock(0)
    const abort = new AbortController()
    const ended = Promise.all([wait(clock, 50), wait(clock, 500, abort.signal)])
    await clock.advance(100)
    abort.abort()
    expect(await ended).toEqual([true, false])
  })
})
