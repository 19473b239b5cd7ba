import { readFileSync, rmSync } from "node:fs"
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
  const pid = Number(readIfThere(file)?.split("\n")[0] ?? Number.NaN)
  if (!Number.isInteger(pid) || pid <= 0) return
  const holder = identify(pid)
  if (isRunning(holder) && commandLine(pid)?.includes(cluster) === true)
    await endProcesses([{ ...holder, name: "postgres", stage: 0, signal: "SIGINT", killAfterMs: 10_000 }])
  else if (commandLine(pid) !== null || !isRunning(holder)) rmSync(file, { force: true })
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
