import { ReplayReply } from "@boocontrol/shared/routing"
import { expect, it } from "vitest"
import { coverageOf, replayLines } from "./replays.ts"

const side = { requests: 90, refused: 0, swaps: 20, ttft_p50_ms: 1000, ttft_p95_ms: 4000, cost: 1 }
const reply = (more: object = {}): ReplayReply =>
  ReplayReply.parse({
    ...{
      from: "2026-11-19T12:00:00.000Z",
      to: "2026-11-26T12:00:00.000Z",
      asked_from: "2026-11-19T12:00:00.000Z",
    },
    ...{
      stored: 100,
      read: 100,
      played: 90,
      noted: 90,
      unknown_headers: [],
      as_it_was: side,
      with_policy: side,
    },
    ...{ left_out: {}, by_model: [], ...more },
  })

it("says how many of how many requests were played, over which time", () => {
  expect(coverageOf(reply())).toEqual([
    { text: "90 of 100 requests of 7d 0h were played.", isWarning: false },
  ])
  const capped = coverageOf(
    reply({ from: "2026-11-25T12:00:00.000Z", stored: 181_234, read: 20_000, played: 19_000, noted: 0 }),
  )
  expect(capped.map(({ text }) => text)).toEqual([
    "The newest 20,000 of 181,234 requests were looked at, 1d 0h back; 19,000 were played.",
    "Tools, images, key and headers are known of 0; the rest is played without them.",
  ])
  expect(capped[0]?.isWarning).toBe(true)
})

it("says what was left out, and which headers were never kept", () => {
  const told = coverageOf(
    reply({ left_out: { "no text": 7, "its model is gone": 3 }, unknown_headers: ["x-team"] }),
  )
  expect(told.map(({ text }) => text)).toEqual([
    "90 of 100 requests of 7d 0h were played.",
    "Left out: 7 no text, 3 its model is gone.",
    "Never kept: x-team. Rules with such a header match nothing here; they are kept from the save on.",
  ])
})

it("marks what gets better or worse, and not what stays as it was", () => {
  const would = { requests: 80, refused: 10, swaps: 5, ttft_p50_ms: 1030, ttft_p95_ms: 9000, cost: null }
  expect(replayLines(reply({ with_policy: would })).map(({ name, tone }) => [name, tone])).toEqual([
    ["requests", null],
    ["refused", "bad"],
    ["swaps", "ok"],
    ["first token, median", null],
    ["first token, slowest 5 %", "bad"],
    ["cost", null],
  ])
})
