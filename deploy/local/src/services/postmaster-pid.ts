import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { readIfThere } from "../data-folder.ts"
import { endProcesses } from "../processes/ending.ts"
import { identify, isRunning } from "../processes/identity.ts"

/**
 * Clears what a killed Postgres left. Called under the lock of the data folder, so nobody else may rightly use it:
 * a server that still runs on it is ended, and a pid that some other program got meanwhile does not stop us.
 */
export async function clearStalePostmaster(cluster: string): Promise<void> {
  const file = join(cluster, "postmaster.pid")
  const content = readIfThere(file)
  const pid = Number(content?.split("\n")[0] ?? Number.NaN)
  if (content === null || !Number.isInteger(pid) || pid <= 0) return
  const holder = identify(pid)
  if (!isRunning(holder)) return
  const command = commandLine(pid)
  if (command?.includes(cluster) === true)
    await endProcesses([{ ...holder, name: "postgres", stage: 0, signal: "SIGINT", killAfterMs: 10_000 }])
  // Postgres takes its parent's pid for a stale one, and still checks the shared memory that the file names: without
  // the file it would start beside sessions that outlived their server.
  else if (command !== null) writeFileSync(file, content.replace(/^\d+/, String(process.pid)))
}

/** Null where the platform does not say: then the file stays, and Postgres judges for itself. */
function commandLine(pid: number): string | null {
  if (process.platform !== "linux") return null
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
  } catch {
    return null
  }
}
