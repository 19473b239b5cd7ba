import { execFile } from "node:child_process"
import { basename } from "node:path"
import { promisify } from "node:util"

const execute = promisify(execFile)
const LIMIT_MS = 300_000

export interface RunOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  limitMs?: number
}

/** Says all there is to say; the output that it was taken from is not carried along. */
export class RunFailure extends Error {
  override readonly name = "RunFailure"
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
    throw new RunFailure(`${basename(file)}: ${lastWords(error)}`)
  }
}

function lastWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const stderr = "stderr" in error && typeof error.stderr === "string" ? error.stderr.trim() : ""
  if (stderr === "") return error.message.split("\n")[0] ?? ""
  const lines = stderr.split("\n").map((line) => line.trim())
  // The line that names the error is seldom the last one: below it stand traces and hints.
  return lines.find((line) => /\berror\b|^E: |fatal/i.test(line)) ?? lines.at(-1) ?? ""
}
