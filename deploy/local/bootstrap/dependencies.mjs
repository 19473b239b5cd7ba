import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { REPOSITORY } from "./places.mjs"
import { runLogged } from "./run-logged.mjs"
import { hashOf, isStamped, stamp } from "./stamp.mjs"

const PNPM = "pnpm@12.21.0"

/**
 * Installs what the lock file says, unless that was done already.
 *
 * @param {import("./progress.mjs").Progress} progress
 */
export async function ensureDependencies(progress) {
  const hash = hashOf(["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ...packageFiles()])
  const installed = existsSync(join(REPOSITORY, "node_modules", ".modules.yaml"))
  if (installed && isStamped("dependencies", hash)) return
  const what = "installing the dependencies"
  const command = ["npx", "--yes", PNPM, "install", "--frozen-lockfile", "--prefer-offline"]
  // CI: pnpm must not ask questions that nobody answers.
  const options = { cwd: REPOSITORY, log: "install.log", env: { CI: "true" } }
  await progress.step(what, () => runLogged(what, command, options))
  stamp("dependencies", hash)
}

/** The package.json of every workspace package, as pnpm-workspace.yaml lists them. */
function packageFiles() {
  const workspace = readFileSync(join(REPOSITORY, "pnpm-workspace.yaml"), "utf8")
  const list = /^packages:\n((?: +- .*\n)+)/m.exec(workspace)?.[1] ?? ""
  return [...list.matchAll(/- ["']?([^"'\n]+)/g)].map(([, folder]) => `${folder}/package.json`)
}
