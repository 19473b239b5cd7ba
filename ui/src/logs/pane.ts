import { computed, onScopeDispose, shallowRef, watch } from "vue"
import type { ComputedRef, ShallowRef } from "vue"
import { useClock } from "../platform/clock.ts"
import { indexAt, testOf } from "./filter.ts"
import { rangesOfText } from "./found.ts"
import type { LogFilter } from "./filter.ts"
import type { TextRange } from "./found.ts"
import { isBefore } from "./line.ts"
import type { LogLine, Merged } from "./line.ts"
import { createRegexMatcher, openMatchWorker } from "./regex-matcher.ts"
import type { RegexMatcher } from "./regex-matcher.ts"
import { useLogs } from "./store.ts"

export interface LogPane {
  /** Lines as they stand on screen: all that match, or those that stood there when somebody began to read. */
  readonly lines: ComputedRef<readonly LogLine[]>
  readonly isFollowing: ComputedRef<boolean>
  /** Lines that match and came since. */
  readonly waiting: ComputedRef<number>
  /** Why the expression finds nothing. */
  readonly problem: Readonly<ShallowRef<string | null>>
  readonly rangesOf: (line: LogLine) => readonly TextRange[]
  readonly follow: () => void
  readonly pause: () => void
  /** Stands still at a time; where its line is, null where it is not kept. */
  readonly pauseAt: (at: number) => number | null
}

/** What one pane shows of the lines that are there, kept up as they come. */
export function useLogPane(filter: () => LogFilter): LogPane {
  const logs = useLogs()
  const clock = useClock()
  const shown = shallowRef<readonly LogLine[]>([])
  const frozen = shallowRef<readonly LogLine[] | null>(null)
  const problem = shallowRef<string | null>(null)
  let test = testOf(filter())
  let matcher: RegexMatcher | null = null

  const isFound = (line: LogLine) => matcher === null || matcher.found.has(line.n)
  const wanted = (lines: readonly LogLine[]) => lines.filter((line) => test(line) && isFound(line))

  function begin(): void {
    const { text, isRegex } = filter()
    test = testOf(filter())
    matcher?.stop()
    matcher = null
    problem.value = null
    if (isRegex && text !== "") {
      matcher = createRegexMatcher(text, { open: openMatchWorker, clock, changed: found })
      problem.value = matcher.problem
      matcher.add(logs.change.lines.filter(test))
    }
    shown.value = wanted(logs.change.lines)
    if (frozen.value) frozen.value = shown.value
  }

  function found(): void {
    problem.value = matcher?.problem ?? null
    shown.value = wanted(logs.change.lines)
  }

  function take({ lines, keptUntil }: Merged): void {
    const fresh = keptUntil === null ? lines : lines.slice(keptUntil)
    matcher?.add(fresh.filter(test))
    if (keptUntil === null) shown.value = wanted(lines)
    else shown.value = [...stillThere(shown.value, lines), ...wanted(fresh)]
  }

  watch(filter, begin, { immediate: true })
  watch(() => logs.change, take)
  onScopeDispose(() => matcher?.stop())

  return {
    lines: computed(() => frozen.value ?? shown.value),
    isFollowing: computed(() => frozen.value === null),
    waiting: computed(() => {
      const last = frozen.value?.at(-1)
      return frozen.value === null ? 0 : countAfter(shown.value, last)
    }),
    problem,
    rangesOf(line) {
      const { text, isRegex } = filter()
      return isRegex ? (matcher?.found.get(line.n) ?? []) : rangesOfText(line.text, text)
    },
    follow() {
      frozen.value = null
    },
    pause() {
      frozen.value ??= shown.value
    },
    pauseAt(at) {
      const index = indexAt(shown.value, at)
      if (index !== null) frozen.value = shown.value
      return index
    },
  }
}

function stillThere(shown: readonly LogLine[], lines: readonly LogLine[]): readonly LogLine[] {
  const [first] = lines
  if (!first) return []
  const start = shown.findIndex((line) => !isBefore(line, first))
  return start === -1 ? [] : shown.slice(start)
}

function countAfter(lines: readonly LogLine[], last: LogLine | undefined): number {
  if (!last) return lines.length
  let count = 0
  while (count < lines.length) {
    const line = lines[lines.length - 1 - count]
    if (!line || !isBefore(last, line)) break
    count += 1
  }
  return count
}
