import type { LogLine } from "../../logs/line.ts"

/** A batch is sent up to this long after its lines were written, and the engine's times are whole seconds. */
const SLACK_MS = 1_500
const MOST = 500

export interface FoundLines {
  readonly lines: readonly LogLine[]
  readonly note: string
}

/** Lines of one host within a time. Where they are not kept it says so: nothing of a log is stored. */
export function linesWithin(
  lines: readonly LogLine[],
  { host, fromMs, toMs }: { host: string; fromMs: number; toMs: number },
): FoundLines {
  const own = lines.filter((line) => line.host === host && !line.isHistory)
  const [first] = own
  if (!first) return { lines: [], note: "No line of this host is kept." }
  if (first.at > toMs + SLACK_MS)
    return { lines: [], note: "Not kept: log text is relayed and never stored, and the tail begins later." }
  const within = own.filter(({ at }) => at >= fromMs - SLACK_MS && at <= toMs + SLACK_MS)
  const isPart = first.at > fromMs + SLACK_MS
  if (within.length === 0) return { lines: [], note: "Nothing was written in these seconds." }
  const notes = [
    "Lines of these seconds, of whichever request.",
    ...(isPart ? ["Its beginning is not kept."] : []),
    ...(within.length > MOST ? [`The first ${MOST} of ${within.length}.`] : []),
  ]
  return { lines: within.slice(0, MOST), note: notes.join(" ") }
}
