import { execFile } from "node:child_process"
import { promisify } from "node:util"

const execute = promisify(execFile)
const LIMIT_MS = 300_000

export interface RunOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  limitMs?: number
}

/** Runs a program to its end and gives its output; a failure says what the program last said. */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  try {
    const { stdout } = await execute(file, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      timeout: options.limitMs ?? LIMIT_MS,
      maxBuffer: 16 * 1024 * 1024,
      windowsHide: true,
    })
    return stdout
  } catch (error) {
    throw new Error(`${file} ${args.slice(0, 2).join(" ")}: ${lastWords(error)}`, { cause: error })
  }
}

function lastWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const stderr = "stderr" in error && typeof error.stderr === "string" ? error.stderr.trim() : ""
  return stderr === "" ? error.message : stderr.split("\n").slice(-3).join(" ")
}
