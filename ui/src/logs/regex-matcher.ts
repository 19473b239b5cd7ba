import type { Clock } from "../platform/clock.ts"
import { patternOf } from "./found.ts"
import type { TextRange } from "./found.ts"
import type { LogLine } from "./line.ts"
import type { MatchAnswer, MatchAsk } from "./match-worker.ts"

/** The little of a worker that is used here, so that a test can be one. */
export interface MatchWorker {
  post(ask: MatchAsk): void
  end(): void
}

export interface RegexMatcher {
  /** Lines that were found so far, with where. */
  readonly found: ReadonlyMap<number, readonly TextRange[]>
  /** Why nothing is looked for. */
  readonly problem: string | null
  add(lines: readonly LogLine[]): void
  stop(): void
}

// A sane pattern looks through so many lines in a few milliseconds.
const LINES_PER_ASK = 1_000
/** A pattern that takes longer backtracks without end. Its worker is ended: the page never waits for it. */
export const PATIENCE_MS = 1_000

/** Tries a regular expression on lines, off the page's own thread and within a time. */
export function createRegexMatcher(
  text: string,
  deps: {
    open: (answered: (answer: MatchAnswer) => void) => MatchWorker
    clock: Pick<Clock, "after">
    changed: () => void
  },
): RegexMatcher {
  const found = new Map<number, readonly TextRange[]>()
  const queue: LogLine[][] = []
  let problem = problemOf(text)
  let worker: MatchWorker | null = null
  let cancelPatience: (() => void) | null = null

  function askNext(): void {
    const lines = queue.shift()
    if (!lines || problem !== null) return
    worker ??= deps.open(answered)
    worker.post({ pattern: text, lines: lines.map((line) => [line.n, line.text] as const) })
    cancelPatience = deps.clock.after(PATIENCE_MS, () => {
      problem = "This expression takes too long on these lines: repetitions within repetitions never end"
      stop()
      deps.changed()
    })
  }

  function answered(answer: MatchAnswer): void {
    cancelPatience?.()
    cancelPatience = null
    for (const [n, ranges] of answer.matches) found.set(n, ranges)
    deps.changed()
    askNext()
  }

  function stop(): void {
    cancelPatience?.()
    cancelPatience = null
    queue.length = 0
    worker?.end()
    worker = null
  }

  return {
    found,
    get problem() {
      return problem
    },
    add(lines) {
      for (let start = 0; start < lines.length; start += LINES_PER_ASK)
        queue.push(lines.slice(start, start + LINES_PER_ASK))
      if (cancelPatience === null) askNext()
    },
    stop,
  }
}

function problemOf(text: string): string | null {
  try {
    patternOf(text)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** The real one. */
export function openMatchWorker(answered: (answer: MatchAnswer) => void): MatchWorker {
  const worker = new Worker(new URL("./match-worker.ts", import.meta.url), { type: "module" })
  worker.addEventListener("message", ({ data }: MessageEvent<MatchAnswer>) => answered(data))
  // A worker of this page has no other origin to name.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  return { post: (ask) => worker.postMessage(ask), end: () => worker.terminate() }
}
