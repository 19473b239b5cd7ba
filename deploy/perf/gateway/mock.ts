import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"

export interface Mock {
  readonly child: ChildProcess
  readonly port: number
  readonly url: string
  tell(mode: string): void
  /** Requests that have reached it. */
  served(): Promise<number>
  stop(): void
}

export async function startMock({ events = 100, everyMs = 10, port = 0 } = {}): Promise<Mock> {
  const file = join(import.meta.dirname, "mock-host.ts")
  const child = spawn(process.execPath, [file, String(events), String(everyMs), String(port)], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  const lines = createInterface(child.stdout)
  const next = async (): Promise<Record<string, number>> => {
    const [line] = (await once(lines, "line")) as [string]
    return JSON.parse(line) as Record<string, number>
  }
  const { port: bound = 0 } = await next()
  return {
    ...{ child, port: bound, url: `http://127.0.0.1:${bound}` },
    tell: (mode) => void child.stdin.write(`${mode}\n`),
    async served() {
      const reply = next()
      child.stdin.write("count\n")
      return (await reply)["served"] ?? 0
    },
    stop: () => void child.kill("SIGKILL"),
  }
}
