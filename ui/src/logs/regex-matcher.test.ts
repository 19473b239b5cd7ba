import { LogFrame } from "@boocontrol/shared/frames"
import { describe, expect, it } from "vitest"
import { StillClock } from "../test/app.ts"
import { linesOf } from "./line.ts"
import type { MatchAnswer, MatchAsk } from "./match-worker.ts"
import { createRegexMatcher } from "./regex-matcher.ts"

const lines = (count: number, first = 0) =>
  linesOf(
    LogFrame.parse({
      ...{ type: "control_log", provider_id: "box", source: "proxy" },
      lines: Array.from({ length: count }, (_, n) => `line ${first + n}`),
    }),
    first,
    0,
  )

function matcherOf(text: string) {
  const clock = new StillClock()
  const asked: MatchAsk[] = []
  let answered: (answer: MatchAnswer) => void = () => undefined
  let ended = 0
  let changes = 0
  const matcher = createRegexMatcher(text, {
    open(listener) {
      answered = listener
      return { post: (ask) => void asked.push(ask), end: () => void (ended += 1) }
    },
    clock: clock.asClock(),
    changed: () => void (changes += 1),
  })
  return {
    ...{ matcher, clock, asked },
    answer: (matches: MatchAnswer["matches"]) => answered({ checked: 0, matches }),
    ended: () => ended,
    changes: () => changes,
  }
}

describe("an expression on lines", () => {
  it("is tried on so many at a time, one ask after the other", () => {
    const { matcher, asked, answer } = matcherOf("line 7")
    matcher.add(lines(2_500))
    expect(asked.map((ask) => ask.lines.length)).toEqual([1_000])
    answer([[7, [[0, 6]]]])
    answer([])
    expect(asked.map((ask) => ask.lines.length)).toEqual([1_000, 1_000, 500])
    expect([...matcher.found.keys()]).toEqual([7])
    answer([])
    matcher.add(lines(1, 2_500))
    expect(asked.at(-1)?.lines).toEqual([[2_500, "line 2500"]])
  })

  it("that never ends is ended, says so and is not tried again", () => {
    const { matcher, clock, asked, ended, changes } = matcherOf("(a+)+$")
    matcher.add(lines(10))
    expect(clock.waiting).toHaveLength(1)
    clock.runWaiting()
    expect(ended()).toBe(1)
    expect(changes()).toBe(1)
    expect(matcher.problem).toContain("takes too long")
    matcher.add(lines(10, 10))
    expect(asked).toHaveLength(1)
  })

  it("that is none says why, and no worker is made", () => {
    const { matcher, asked } = matcherOf("(")
    matcher.add(lines(10))
    expect(matcher.problem).toContain("Unterminated group")
    expect(asked).toEqual([])
  })

  it("is no longer waited for once nobody looks", () => {
    const { matcher, clock, ended } = matcherOf("a")
    matcher.add(lines(10))
    matcher.stop()
    expect(ended()).toBe(1)
    expect(clock.waiting).toEqual([])
  })
})
