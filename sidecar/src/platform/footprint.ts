import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Clock } from "./clock.ts"

/**
 * Imported before everything else. This program does a few milliseconds of work a second for months, beside
 * processes that need the memory: the compilers for hot code would cost 5 MB of resident memory and never pay, and a
 * young generation that may grow keeps what one burst needed. What the simple compiler makes of a function costs less
 * than it saves, but only where that function is called all the time: hence the high count before any is looked at.
 * Nothing lazier: with --max-lazy V8 13.6 ends the process on code that it takes apart differently the second time.
 */
for (const flag of [
  "--no-opt",
  "--no-maglev",
  "--invocation-count-for-feedback-allocation=60",
  "--semi-space-growth-factor=1",
])
  setFlagsFromString(flag)

const FIRST_TRIM_MS = 20_000
const TRIM_EVERY_MS = 3_600_000

type CollectAll = (how: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void

/**
 * Gives back what start-up left behind, and from then on now and then what gathers: so little is allocated here that
 * V8 would hardly ever do it by itself, and code that ran once stays for as long. What is still needed is compiled
 * again, which takes some 150 ms in all: hence not often.
 */
export function keepTrim(clock: Clock): () => void {
  const trim = (): void => {
    setFlagsFromString("--expose-gc")
    // A new context has what the flag exposes; nothing of it is kept.
    const collectAll = runInNewContext("gc") as CollectAll
    setFlagsFromString("--no-expose-gc")
    collectAll({ type: "major", execution: "sync", flavor: "last-resort" })
    cancel = clock.setTimeout(trim, TRIM_EVERY_MS)
  }
  let cancel = clock.setTimeout(trim, FIRST_TRIM_MS)
  return () => cancel()
}
