import { patternOf, rangesOfPattern } from "./found.ts"
import type { TextRange } from "./found.ts"

/** A worker of its own, so that a pattern that never ends can be ended with it. */
export interface MatchAsk {
  readonly pattern: string
  readonly lines: readonly (readonly [n: number, text: string])[]
}
export interface MatchAnswer {
  readonly checked: number
  readonly matches: readonly (readonly [n: number, ranges: readonly TextRange[]])[]
}

self.addEventListener("message", ({ data }: MessageEvent<MatchAsk>) => {
  const pattern = patternOf(data.pattern)
  const matches = data.lines.flatMap(([n, text]) => {
    const ranges = rangesOfPattern(text, pattern)
    return ranges ? [[n, ranges] as const] : []
  })
  // To the page that made this worker: there is no origin to name.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  self.postMessage({ checked: data.lines.length, matches } satisfies MatchAnswer)
})
