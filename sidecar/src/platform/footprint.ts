import { setFlagsFromString } from "node:v8"

/**
 * Imported before everything else. This program does a few milliseconds of work a second for months, beside
 * processes that need the memory: the compilers for hot code would cost 5 MB of resident memory and never pay, and a
 * young generation that may grow keeps what one burst needed.
 */
for (const flag of [
  "--no-opt",
  "--no-maglev",
  "--no-sparkplug",
  "--max-lazy",
  "--semi-space-growth-factor=1",
])
  setFlagsFromString(flag)
