import { expect, it } from "vitest"
import { prettyLine } from "./log.ts"

it("prints a record as one line for a person", () => {
  const time = Date.UTC(2026, 10, 22, 8, 12, 41, 250)
  const line = prettyLine(JSON.stringify({ level: 40, time, part: "ingest", msg: "batch failed", rows: 3 }))
  expect(line).toBe('08:12:41.250 warn  ingest: batch failed {"rows":3}\n')
})

it("puts the stack of an error below its line", () => {
  const line = prettyLine(
    JSON.stringify({ level: 50, time: 0, msg: "no", err: { stack: "Error: x\n at y" } }),
  )
  expect(line).toBe("00:00:00.000 error no\n  Error: x\n   at y\n")
})
