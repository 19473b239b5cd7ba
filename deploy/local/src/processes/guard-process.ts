// The process that outlives a killed launcher just long enough to end what the launcher had started. Postgres and
// nats-server do not watch a pipe, so this one does: its stdin closes when the launcher dies, however it dies.
// It leaves Ctrl-C and SIGTERM to the launcher, which stops everything in order.
import { createInterface } from "node:readline"
import { endProcesses } from "./ending.ts"
import type { Endable } from "./ending.ts"
import { parseGuardLine } from "./guard-line.ts"

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined)

const watched = new Map<number, Endable>()
const lines = createInterface({ input: process.stdin })
lines.on("line", (text) => {
  const line = parseGuardLine(text)
  if (line === null) return
  if ("watch" in line) watched.set(line.watch.pid, line.watch)
  else watched.delete(line.forget)
})
lines.on("close", () => {
  void endProcesses([...watched.values()]).then(() => process.exit(0))
})
