import { existsSync } from "node:fs"
import { join } from "node:path"
import { REPOSITORY } from "./places.mjs"
import { runLogged } from "./run-logged.mjs"
import { hashOf, isStamped, stamp } from "./stamp.mjs"

/**
 * @typedef {object} Build
 * @property {string} folder the package whose `build` script makes it
 * @property {string} output what must be there afterwards
 * @property {string[]} sources what it is made of
 */

/** @satisfies {Record<string, Build>} */
export const builds = {
  ui: { folder: "ui", output: "ui/dist/index.html", sources: ["ui", "shared", "pnpm-lock.yaml"] },
  sidecar: {
    folder: "sidecar",
    output: "sidecar/dist/sidecar.mjs",
    sources: ["sidecar", "shared", "pnpm-lock.yaml"],
  },
}

/**
 * Builds those whose sources changed, side by side.
 *
 * @param {import("./progress.mjs").Progress} progress
 * @param {Build[]} wanted
 */
export async function ensureBuilt(progress, wanted) {
  const outcomes = await Promise.allSettled(wanted.map((build) => ensureOne(progress, build)))
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason
}

/**
 * @param {import("./progress.mjs").Progress} progress
 * @param {Build} build
 */
async function ensureOne(progress, { folder, output, sources }) {
  const hash = hashOf(sources)
  if (existsSync(join(REPOSITORY, output)) && isStamped(`build-${folder}`, hash)) return
  const what = `building ${folder}`
  const options = { cwd: join(REPOSITORY, folder), log: `build-${folder}.log` }
  await progress.step(what, () => runLogged(what, [process.execPath, "--run", "build"], options))
  stamp(`build-${folder}`, hash)
}
