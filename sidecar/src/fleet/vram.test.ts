import type { ModelState } from "@boocontrol/shared/models"
import { expect, it } from "vitest"
import { manualClock } from "../platform/clock-manual.ts"
import { createVramWatch } from "./vram.ts"

/** Seconds, and either what the readings say from then on or what a model does. */
type Moment = [second: number, usedMib: number | null] | [second: number, model: string, state: ModelState]

const cases: [string, Moment[], Record<string, number>][] = [
  [
    "a load into an empty card",
    [
      [0, 400],
      [1, "a", "starting"],
      [4, 8400],
      [5, "a", "ready"],
    ],
    { a: 8000 },
  ],
  [
    "a swap whose first reading still holds the model that left",
    [
      [0, 20_400],
      [1, "old", "stopped"],
      [1, "a", "starting"],
      [2, 400],
      [6, 8400],
      [7, "a", "ready"],
    ],
    { a: 8000 },
  ],
  [
    "a reading that comes after the model said ready",
    [
      [0, 400],
      [1, "a", "starting"],
      [3, "a", "ready"],
      [4, 8400],
    ],
    { a: 8000 },
  ],
  [
    "a load during which another model left",
    [
      [0, 9000],
      [1, "a", "starting"],
      [2, "b", "stopped"],
      [5, "a", "ready"],
    ],
    {},
  ],
  [
    "a load without readings",
    [
      [0, null],
      [1, "a", "starting"],
      [5, "a", "ready"],
    ],
    {},
  ],
  [
    "a load that took nothing (CPU)",
    [
      [0, 400],
      [1, "a", "starting"],
      [5, "a", "ready"],
    ],
    {},
  ],
  [
    "a model that was unloaded again",
    [
      [0, 400],
      [1, "a", "starting"],
      [2, 900],
      [3, "a", "ready"],
      [9, "a", "stopped"],
    ],
    {},
  ],
]

it.each(cases)("knows the memory of %s", async (_, moments, expected) => {
  const clock = manualClock(0)
  let usedMib: number | null = null
  const watch = createVramWatch({
    gpuMemory: { usedMib: () => usedMib, processes: () => [] },
    clock,
    onChange: () => undefined,
  })
  let second = 0
  for (const moment of moments) {
    await clock.advance((moment[0] - second) * 1000)
    second = moment[0]
    if (moment.length === 3) watch.onState(moment[1], moment[2])
    else usedMib = moment[1]
  }
  await clock.advance(5000)
  expect(Object.fromEntries(watch.deltas())).toEqual(expected)
  watch.stop()
})
