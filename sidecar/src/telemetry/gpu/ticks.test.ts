import { describe, expect, it } from "vitest"
import { withoutReadings } from "./line.ts"
import type { GpuLine } from "./line.ts"
import { createTicks } from "./ticks.ts"

function reading(index: number, state: "awake" | "lost" = "awake"): GpuLine & { kind: "reading" } {
  const card = { index, uuid: `GPU-${index}`, name: `card ${index}`, mem_total_mib: 100 }
  return {
    kind: "reading",
    busId: `00000000:0${index}:00.0`,
    gpu: { ...withoutReadings(card, state), util_pct: 5 },
  }
}

/** Feeds `0 1 2` or `0x` (lost cell) or `!1` (message) one a second; gives the ticks as text. */
function run(lines: string): string[] {
  const ticks = createTicks()
  return lines.split(" ").flatMap((word, second) => {
    const index = Number(word.replaceAll(/\D/g, ""))
    const line: GpuLine & { kind: "reading" | "lost" } = word.startsWith("!")
      ? { kind: "lost", busId: `00000000:0${index}:00.0` }
      : reading(index, word.endsWith("x") ? "lost" : "awake")
    return ticks.feed(line, second).map((tick) => {
      const gpus = tick.gpus.map((gpu) => `${gpu.index}${gpu.state === "lost" ? "x" : ""}`).join("")
      const lost = tick.lost.map(({ index: at }) => ` -${at}`).join("")
      return `@${tick.atMs} ${gpus}${lost}${tick.returned.map(({ index: at }) => ` +${at}`).join("")}`
    })
  })
}

describe("ticks", () => {
  it.each([
    [
      "a single card ends its first tick with the second line and each later one at once",
      "0 0 0",
      ["@0 0", "@1 0", "@2 0"],
    ],
    ["the first tick teaches how many cards there are", "0 1 2 0 1 2", ["@0 012", "@3 012"]],
    [
      "a card that is missing is lost once, and back once",
      "0 1 0 1 0 0 0 1",
      ["@0 01", "@2 01", "@4 01x -1", "@5 01x", "@6 01 +1"],
    ],
    ["a card whose cells say so is lost", "0 1 0 1x 0 1", ["@0 01", "@2 01x -1", "@4 01 +1"]],
    ["a card that a message names is lost", "0 1 0 !1 0 1", ["@0 01", "@2 01x -1", "@4 01 +1"]],
    ["the first card may be the lost one", "0 1 1 1 0 1", ["@0 01", "@2 0x1 -0", "@3 0x1", "@4 01 +0"]],
    ["a new card is taken in", "0 0 0 1 0 1", ["@0 0", "@1 0", "@2 0", "@3 0x1 -0", "@4 01 +0"]],
  ])("%s", (_, lines, ticks) => {
    expect(run(lines)).toEqual(ticks)
  })

  it("forgets a half-read tick when the stream begins anew", () => {
    const ticks = createTicks()
    for (const index of [0, 1, 0, 1, 0]) ticks.feed(reading(index), 0)
    ticks.restart()
    expect(ticks.feed(reading(0), 9)).toEqual([])
    expect(ticks.feed(reading(1), 9).map((tick) => tick.gpus.map(({ state }) => state))).toEqual([
      ["awake", "awake"],
    ])
  })

  it("keeps what a lost card is, and none of its readings", () => {
    const ticks = createTicks()
    for (const index of [0, 1, 0, 1, 0]) ticks.feed(reading(index), 0)
    const [tick] = ticks.feed(reading(0), 0)
    expect(tick?.gpus[1]).toMatchObject({
      uuid: "GPU-1",
      name: "card 1",
      state: "lost",
      util_pct: null,
      mem_used_mib: null,
    })
  })
})
