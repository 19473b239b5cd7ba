import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"
import { z } from "zod"

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url))
const Line = z.object({
  host_id: z.string().optional(),
  llama_swap_url: z.string().optional(),
  nvidia_smi: z.string().optional(),
  ready: z.boolean().optional(),
})
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
})

async function start(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args])
  children.push(child)
  const lines: z.infer<typeof Line>[] = []
  for await (const text of createInterface({ input: child.stdout })) {
    lines.push(Line.parse(JSON.parse(text)))
    if (lines.at(-1)?.ready) break
  }
  return { child, lines }
}

describe("the command line", () => {
  it("prints a line per host when it listens, then ready, and ends with its stdin", async () => {
    const { child, lines } = await start("--hosts", "2")
    expect(lines.map((line) => line.host_id ?? "ready")).toEqual(["sam-desktop", "embedding", "ready"])
    expect((await fetch(`${lines[0]?.llama_swap_url}/health`)).status).toBe(200)
    expect(existsSync(lines[0]?.nvidia_smi ?? "")).toBe(true)
    child.stdin.end()
    expect(await once(child, "exit")).toEqual([0, null])
    expect(existsSync(lines[0]?.nvidia_smi ?? "")).toBe(false)
  })

  it("ends on SIGTERM", async () => {
    const { child } = await start("--hosts", "1")
    child.kill("SIGTERM")
    expect(await once(child, "exit")).toEqual([0, null])
  })

  it("refuses what it does not understand with exit code 2", async () => {
    const child = spawn(process.execPath, [MAIN, "--hosts", "none"])
    children.push(child)
    expect((await once(child, "exit"))[0]).toBe(2)
  })
})
