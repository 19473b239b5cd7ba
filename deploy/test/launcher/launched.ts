import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { inject, onTestFinished } from "vitest"
import { identify, isRunning } from "../../local/src/processes/identity.ts"
import type { ProcessIdentity } from "../../local/src/processes/identity.ts"

export interface Launched {
  readonly pid: number
  readonly exited: Promise<number | null>
  output(): string
  /** Resolves with the line once a line matches; rejects with all output when it ends before. */
  said(pattern: RegExp): Promise<string>
  signal(signal: NodeJS.Signals): void
  /** As the death of the process that started it would. */
  cutLifeline(): void
}

const LAUNCH = fileURLToPath(new URL("stand-ins/launch.ts", import.meta.url))

export function dataFolder(): string {
  const path = mkdtempSync(join(inject("testFolder"), "launcher-"))
  // The folders of a test run are private, and Postgres runs as a user of its own when we are root.
  chmodSync(inject("testFolder"), 0o755)
  chmodSync(path, 0o755)
  return path
}

/** Starts the launcher in a process of its own; by default against the servers of the test run. */
export function launch(dataDir: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Launched {
  const shared = { DATABASE_URL: inject("databaseUrl"), NATS_URL: inject("natsUrl") }
  const child = spawn(process.execPath, [LAUNCH, "--port=0", "--no-demo", `--data-dir=${dataDir}`, ...args], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      BOO_LIFELINE_FD: "3",
      ...shared,
      LLAMA_SWAP_URL: "http://127.0.0.1:1",
      ...env,
    },
    // The lifeline: a test run that is killed takes its launchers along.
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  })
  let output = ""
  const changed = new EventTarget()
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      changed.dispatchEvent(new Event("line"))
    })
  const exited = once(child, "close").then(() => {
    changed.dispatchEvent(new Event("line"))
    return child.exitCode
  })
  onTestFinished(async () => {
    child.kill("SIGTERM")
    await exited
  })
  return {
    pid: child.pid ?? 0,
    exited,
    output: () => output,
    signal: (signal) => void child.kill(signal),
    cutLifeline: () => void child.stdio[3]?.destroy(),
    said: async (pattern) => {
      for (;;) {
        const line = output.split("\n").find((one) => pattern.test(one))
        if (line !== undefined) return line
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`it ended, having said:\n${output}`)
        await once(changed, "line")
      }
    },
  }
}

export async function readyAt(launched: Launched): Promise<string> {
  const line = await launched.said(/^BooControl is ready: /)
  return line.replace("BooControl is ready: ", "")
}

/** Every process of a launcher, by the record it keeps. */
export function childrenOf(dataDir: string): (ProcessIdentity & { name: string })[] {
  const record: unknown = JSON.parse(readFileSync(join(dataDir, "children.json"), "utf8"))
  if (!Array.isArray(record)) throw new Error("no record of children")
  return record.map(({ pid, name }: { pid: number; name: string }) => ({ ...identify(pid), name }))
}

export function alive(processes: ProcessIdentity[]): ProcessIdentity[] {
  return processes.filter(isRunning)
}
