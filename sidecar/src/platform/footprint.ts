import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Clock } from "./clock.ts"

/**
 * Imported before everything else. This program does a few milliseconds of work a second for months, beside
 * processes that need the memory: the compilers for hot code would cost 5 MB of resident memory and never pay, what is
 * noted of functions that are called now and then is never read, and a young generation that may grow keeps what one
 * burst needed. Nothing lazier: with --max-lazy V8 13.6 ends the process on code that it takes apart differently the
 * second time. Measured in docs/decisions/2026-11-26-sidecar-compilers.md.
 */
for (const flag of [
  "--no-opt",
  "--no-maglev",
  "--no-sparkplug",
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
