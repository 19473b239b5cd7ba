import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "../../local/src/free-port.ts"

const ROOT = join(import.meta.dirname, "../../..")
const READY = /^BooControl is ready: (http:\S+)$/m
const READY_WITHIN_MS = 100_000

export interface Product {
  url: string
  dataDir: string
  /** Everything the command printed so far. */
  output: () => string
  launcher: ChildProcess
  json: <T>(path: string) => Promise<T>
  /** Sends SIGTERM and resolves with the exit code. */
  stop: () => Promise<number | null>
  /** Command lines of processes that belong to this start. */
  leftBehind: () => string[]
  remove: () => void
}

/** What a newcomer does: the start command, in an empty data folder. `env`: settings beside those of the test's own process. */
export async function startProduct(flags: string[], env: Record<string, string> = {}): Promise<Product> {
  // Below the temporary folder of everybody: the account of the database must be able to enter.
  const dataDir = mkdtempSync(join(tmpdir(), "boocontrol-e2e-"))
  const port = await freePort("127.0.0.1", null)
  const args = [
    "deploy/local/bootstrap.mjs",
    "start",
    "--port",
    String(port),
    "--data-dir",
    dataDir,
    ...flags,
  ]
  const launcher = spawn(process.execPath, args, {
    ...{ cwd: ROOT, env: { ...process.env, ...env } },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let printed = ""
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${why}\n${printed}`))
    const late = setTimeout(() => fail("not ready in time"), READY_WITHIN_MS)
    const read = (chunk: Buffer) => {
      printed += chunk.toString()
      const ready = READY.exec(printed)?.[1]
      if (!ready) return
      clearTimeout(late)
      resolve(ready)
    }
    launcher.stdout.on("data", read)
    launcher.stderr.on("data", read)
    launcher.once("exit", (code) => fail(`the start ended with ${code}`))
  })
  return {
    url,
    dataDir,
    launcher,
    output: () => printed,
    async json<T>(path: string): Promise<T> {
      const reply = await fetch(`${url}${path}`)
      return (await reply.json()) as T
    },
    async stop() {
      if (launcher.exitCode !== null) return launcher.exitCode
      const exited = once(launcher, "exit")
      launcher.kill("SIGTERM")
      await exited
      return launcher.exitCode
    },
    leftBehind: () => processesNaming(dataDir),
    remove: () => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }),
  }
}

function processesNaming(text: string): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8")
        return line !== "" && (line.includes(text) || environment.includes(text)) ? [`${pid} ${line}`] : []
      } catch {
        return []
      }
    })
}

/** Asks again and again until the answer is as wanted, and fails with the last answer after `withinMs`. */
export async function eventually<T>(
  ask: () => Promise<T>,
  wanted: (answer: T) => boolean,
  withinMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const answer = await ask().catch((error: unknown) => error)
    if (!(answer instanceof Error) && wanted(answer as T)) return answer as T
    if (performance.now() > deadline) {
      const shown = answer instanceof Error ? answer.message : JSON.stringify(answer)
      throw new Error(`not so within ${withinMs} ms; last: ${shown.slice(0, 2000)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
