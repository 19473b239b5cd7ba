import { expect, it } from "vitest"
import { countTests, summary } from "./test-results.ts"

const report = (more: object): string =>
  JSON.stringify({
    ...{
      success: true,
      numPassedTests: 5,
      numFailedTests: 0,
      numPendingTests: 1,
      numTodoTests: 1,
      testResults: [],
    },
    ...more,
  })
const file = (status: string, tests: number): object => ({
  status,
  assertionResults: Array.from({ length: tests }, () => ({})),
})

it.each([
  ["a good run", report({}), 0, "5 passed, 0 failed, 2 skipped"],
  [
    "a failed test",
    report({ success: false, numFailedTests: 2, testResults: [file("failed", 3)] }),
    1,
    "5 passed, 2 failed, 2 skipped",
  ],
  [
    "a file that could not be loaded",
    report({ success: false, testResults: [file("failed", 0)] }),
    1,
    "5 passed, 1 failed, 2 skipped",
  ],
  ["an error outside of any test", report({}), 1, "5 passed, 1 failed, 2 skipped"],
  ["no report at all", null, 1, "0 passed, 1 failed, 0 skipped"],
] as const)("counts %s", (_, text, exitCode, line) => {
  expect(summary(countTests(text, exitCode))).toBe(line)
})
