import { expect, it } from "vitest"
import { surfaced } from "./surfaced.ts"

it.each([
  ["plain words on stderr", "stderr", "Error: no such file", "Error: no such file"],
  ["plain words on stdout", "stdout", "listening", null],
  [
    "an error record",
    "stdout",
    '{"level":50,"msg":"ingest stopped","err":{"message":"no space"}}',
    "ingest stopped: no space",
  ],
  ["a fatal record without a cause", "stdout", '{"level":60,"msg":"gone"}', "gone"],
  ["a record with a level name", "stderr", '{"level":"error","msg":"gone"}', "gone"],
  ["a warning record, on stderr too", "stderr", '{"level":40,"msg":"slow"}', null],
  ["a note for people", "stderr", "2026-11-22T14:06:25.176Z info connected", null],
  ["a warning for people", "stdout", "2026-11-22T14:06:25.176Z WARN  slow", null],
  ["an error for people", "stdout", "2026-11-22T14:06:25.176Z error spool is full", "spool is full"],
  ["an empty line", "stderr", "  ", null],
  ["broken JSON on stderr", "stderr", '{"level":', '{"level":'],
] as const)("shows of %s what a person needs", (_, stream, line, shown) => {
  expect(surfaced(line, stream)).toBe(shown)
})
