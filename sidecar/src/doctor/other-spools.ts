import { readdirSync } from "node:fs"
import { join } from "node:path"
import type { Config } from "../config.ts"
import { isHeld, otherHostsIn } from "../spool/folder.ts"
import { notice } from "./report.ts"
import type { Finding } from "./report.ts"

/**
 * Messages of another host id that nobody sends: this machine had that id once. They may not be sent under this one,
 * and they count against nobody's limit.
 */
export function checkOtherSpools({ hostId, spool, dataDir }: Config): Finding[] {
  const usual = join(dataDir, "spool")
  const beside =
    spool.folder === join(usual, hostId) ? foldersIn(usual).filter((path) => path !== spool.folder) : []
  const waiting = [spool.folder, ...beside.filter((path) => !isHeld(path))].flatMap((path) =>
    otherHostsIn(path, hostId).map((host) => ({ host, path })),
  )
  return waiting.map(({ host, path }) =>
    notice(
      "other spool",
      `messages of host ${host} wait in ${join(path, "messages", host)}, and nobody sends them`,
      `to send them, run once with BOO_HOST_ID=${host} BOO_SPOOL_DIR=${path} and that host's credentials; else remove them`,
    ),
  )
}

function foldersIn(parent: string): string[] {
  try {
    return readdirSync(parent, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [join(parent, entry.name)] : [],
    )
  } catch {
    return []
  }
}
