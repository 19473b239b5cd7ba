import * as z from "zod/mini"

/** The part of vitest's JSON report that is counted. */
const Report = z.object({
  success: z.boolean(),
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.unknown()) })),
})

export interface Counts {
  passed: number
  failed: number
  skipped: number
}

/**
 * Counts the tests of a report. A file that failed without running a test counts as one failure, and so does a run
 * that failed with no test to blame; null stands for a run that left no report.
 */
export function countTests(report: string | null, exitCode: number): Counts {
  if (report === null) return { passed: 0, failed: 1, skipped: 0 }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success, testResults } =
    Report.parse(JSON.parse(report))
  const unreadable = testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  )
  const blamed = numFailedTests + unreadable.length
  const unblamed = blamed === 0 && (exitCode !== 0 || !success) ? 1 : 0
  return { passed: numPassedTests, failed: blamed + unblamed, skipped: numPendingTests + numTodoTests }
}

export function summary({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
