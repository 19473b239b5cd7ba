import { describe, expect, it } from "vitest"
import { afterLettingGo, cardPower, FRESH_IDLE_WATCH, watchIdle } from "./sleep.ts"

function idleFor(ticks: number, from = FRESH_IDLE_WATCH) {
  let watch = from
  let letGo = false
  for (let tick = 0; tick < ticks; tick += 1) ({ watch, letGo } = watchIdle(watch, true))
  return { watch, letGo }
}

describe("letting idle cards sleep", () => {
  it("lets go after two idle minutes, and not before", () => {
    expect(idleFor(119).letGo).toBe(false)
    expect(idleFor(120).letGo).toBe(true)
  })

  it("counts anew after work", () => {
    const worked = watchIdle(idleFor(119).watch, false).watch
    expect(idleFor(119, worked).letGo).toBe(false)
  })

  it("waits twice as long each time the cards did not sleep, an hour at most, and two minutes again once they did", () => {
    let watch = FRESH_IDLE_WATCH
    const patience = Array.from({ length: 7 }, () => (watch = afterLettingGo(watch, false)).patience)
    expect(patience).toEqual([240, 480, 960, 1920, 3600, 3600, 3600])
    expect(afterLettingGo(watch, true)).toEqual(FRESH_IDLE_WATCH)
  })

  it("finds no card asleep where the system shows none", () => {
    const power = cardPower("/nowhere")
    expect([power.allSuspended(), power.maySuspend(), power.cards()]).toEqual([false, false, []])
  })
})
