import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { findProgram } from "../find-program.ts"
import { messageOf, StartFailure } from "../failure.ts"
import { run } from "../run-program.ts"
import { unpackDebianPackage } from "./nats-debian.ts"
import { downloadRelease, NATS_VERSION } from "./nats-release.ts"

/** One way to a nats-server: puts the program at `target`, or throws the reason why it cannot. */
export interface NatsWay {
  name: string
  fetch(target: string): Promise<void>
}

export interface NatsBinaryOptions {
  dataDir: string
  onProgress: (line: string) => void
  /** For tests; default is what this machine has. */
  onPath?: () => string | null
  ways?: readonly NatsWay[]
}

const PROGRAM = process.platform === "win32" ? "nats-server.exe" : "nats-server"

export const WAYS: readonly NatsWay[] = [
  { name: `official release ${NATS_VERSION}`, fetch: downloadRelease },
  { name: "apt-get download", fetch: unpackDebianPackage },
  { name: "go install", fetch: goInstall },
]

/** The nats-server of this machine, fetched into the data folder where there is none. */
export async function findNatsServer(options: NatsBinaryOptions): Promise<string> {
  const installed = (options.onPath ?? (() => findProgram("nats-server")))()
  if (installed !== null) return installed
  const folder = join(options.dataDir, "bin")
  const kept = join(folder, PROGRAM)
  if (existsSync(kept)) return kept
  mkdirSync(folder, { recursive: true })

  const tried: string[] = ["PATH and the system folders: not there", `${kept}: not there`]
  for (const way of options.ways ?? WAYS) {
    options.onProgress(`nats-server: trying ${way.name}`)
    const fetched = join(folder, `fetched-${PROGRAM}`)
    try {
      await way.fetch(fetched)
      // What does not run here (a wrong architecture, a no-exec disk) must not become the cached copy.
      await run(fetched, ["--version"])
      renameSync(fetched, kept)
      return kept
    } catch (error) {
      rmSync(fetched, { force: true })
      tried.push(`${way.name}: ${messageOf(error)}`)
    }
  }
  throw new StartFailure(
    `There is no nats-server on this machine and none could be fetched.\nTried:\n${tried.map((line) => `  - ${line}`).join("\n")}\n` +
      "Install it (Debian, Ubuntu: apt install nats-server; macOS: brew install nats-server; " +
      "Windows: winget install NATSAuthors.NATSServer), or set NATS_URL to a NATS of your own.",
  )
}

async function goInstall(target: string): Promise<void> {
  if (findProgram("go") === null) throw new Error("Go is not installed")
  const work = `${target}.go`
  try {
    const env = { ...process.env, GOBIN: work, CGO_ENABLED: "0" }
    await run("go", ["install", `github.com/nats-io/nats-server/v2@v${NATS_VERSION}`], { env })
    renameSync(join(work, PROGRAM), target)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
