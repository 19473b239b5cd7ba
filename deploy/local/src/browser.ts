import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { join, dirname } from "node:path"
import { messageOf, StartFailure } from "./failure.ts"
import { findProgram } from "./find-program.ts"
import { run } from "./run-program.ts"

/** One way to a Chromium: gives its path, or throws the reason why it cannot. */
export interface BrowserWay {
  name: string
  /** False for what only looks: nothing is said about it. */
  fetches: boolean
  find(): Promise<string>
}

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
const MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

export function browserWays(fromEnvironment: string | undefined): BrowserWay[] {
  return [
    { name: "CHROMIUM", fetches: false, find: () => atPath(fromEnvironment ?? "", "it is not set") },
    { name: "PATH", fetches: false, find: () => atPath(installed(), `none of ${NAMES.join(", ")} is there`) },
    { name: "apt-get install chromium", fetches: true, find: aptInstall },
    { name: "Playwright's own download", fetches: true, find: playwrightDownload },
  ]
}

/** A Chromium that runs on this machine, brought where there is none. */
export async function findBrowser(ways: readonly BrowserWay[], say: (line: string) => void): Promise<string> {
  const tried: string[] = []
  for (const way of ways) {
    if (way.fetches) say(`Chromium: trying ${way.name}`)
    try {
      const path = await way.find()
      // Ubuntu's package of that name is only a pointer to a snap, which does not start in a container.
      await run(path, ["--version"], { limitMs: 30_000 })
      return path
    } catch (error) {
      tried.push(`${way.name}: ${messageOf(error)}`)
    }
  }
  throw new StartFailure(
    `The browser tests need a Chromium, and none could be had.\nTried:\n${tried.map((line) => `  - ${line}`).join("\n")}\n` +
      "Install Chromium or Chrome, or say where one is: CHROMIUM=/path/to/chromium npm test",
  )
}

function installed(): string {
  const found = NAMES.map((name) => findProgram(name)).find((path) => path !== null)
  return found ?? (existsSync(MAC) ? MAC : "")
}

function atPath(path: string, otherwise: string): Promise<string> {
  return path === "" ? Promise.reject(new Error(otherwise)) : Promise.resolve(path)
}

async function aptInstall(): Promise<string> {
  if (findProgram("apt-get") === null) throw new Error("this is not Debian or Ubuntu")
  if (process.getuid?.() !== 0) throw new Error("only root may install")
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  await run("apt-get", ["update", "-q"], { env })
  await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", "chromium"], {
    env,
    limitMs: 600_000,
  })
  return atPath(installed(), "the package brought no program")
}

async function playwrightDownload(): Promise<string> {
  const cli = join(dirname(createRequire(import.meta.url).resolve("playwright-core/package.json")), "cli.js")
  const withDependencies = process.platform === "linux" && process.getuid?.() === 0 ? ["--with-deps"] : []
  await run(process.execPath, [cli, "install", ...withDependencies, "chromium"], { limitMs: 600_000 })
  const { chromium } = await import("playwright-core")
  return chromium.executablePath()
}
