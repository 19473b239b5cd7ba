import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { browserWays, findBrowser } from "./browser.ts"
import { readIfThere } from "./data-folder.ts"
import { StartFailure } from "./failure.ts"
import { findNatsServer } from "./services/nats-binary.ts"
import type { Progress } from "./start.ts"
import { countTests, summary } from "./test-results.ts"
import { toolFolder } from "./tool-folder.ts"

const CHECKS = ["check:format", "check:lint", "check:types"]

/** `npm test`: all checks and all tests, and their sum alone on the last line. Arguments go to vitest. */
export async function main(args: string[], progress: Progress): Promise<number> {
  const say = (line: string): void => progress.say(line)
  const { BOO_LIFELINE_FD: _fd, BOO_STARTED_AT: _at, ...inherited } = process.env
  try {
    await findNatsServer({ dataDir: toolFolder(), onProgress: say })
    const CHROMIUM = await findBrowser(browserWays(process.env.CHROMIUM), say)
    const env = { ...inherited, CHROMIUM }

    say("checking format, lint and types")
    const failedChecks = (await Promise.all(CHECKS.map((name) => check(name, env)))).filter(
      (passed) => !passed,
    ).length
    say("running the tests")
    const counts = await runTests(args, env)
    const failed = counts.failed + failedChecks
    console.log(summary({ ...counts, failed }))
    return failed === 0 ? 0 : 1
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error
    console.log(`\n${error.message}\n${summary({ passed: 0, failed: 1, skipped: 0 })}`)
    return 1
  }
}

async function check(name: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const child = spawn(process.execPath, ["--run", name], { env, stdio: ["ignore", "pipe", "pipe"] })
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk))
  await once(child, "close")
  const passed = child.exitCode === 0
  // Three at once would write over one another; only a failure is worth reading.
  console.log(passed ? `${name}: passed` : `${name}: FAILED\n${Buffer.concat(chunks).toString().trimEnd()}`)
  return passed
}

async function runTests(args: string[], env: NodeJS.ProcessEnv): Promise<ReturnType<typeof countTests>> {
  const folder = mkdtempSync(join(tmpdir(), "boocontrol-report-"))
  const report = join(folder, "report.json")
  const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs")
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`]
  try {
    const child = spawn(process.execPath, [vitest, "run", ...reporters, ...args], {
      env,
      stdio: ["ignore", "inherit", "inherit"],
    })
    // Ctrl-C reaches vitest from the terminal as well; it tidies up, and then we report.
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal))
    await once(child, "exit")
    return countTests(readIfThere(report), child.exitCode ?? 1)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
