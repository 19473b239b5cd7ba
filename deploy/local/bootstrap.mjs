// The one-command start: `npm start`, `npm test` and `npm run dev` all come through here. Runs on Node >= 18 with
// nothing installed, so everything up to the hand-over is plain JavaScript without dependencies.
import { builds, ensureBuilt } from "./bootstrap/builds.mjs"
import { ensureDependencies } from "./bootstrap/dependencies.mjs"
import { withSetupLock } from "./bootstrap/lock.mjs"
import { REPOSITORY } from "./bootstrap/places.mjs"
import { createProgress } from "./bootstrap/progress.mjs"
import { rerunWith } from "./bootstrap/rerun.mjs"
import { ensureNode, leadPath } from "./bootstrap/runtime.mjs"
import { SetupFailure } from "./bootstrap/setup-failure.mjs"

/** What each command needs built before it runs. */
const COMMANDS = {
  start: [builds.ui, builds.sidecar],
  test: [builds.ui, builds.sidecar],
  dev: [builds.sidecar],
}

async function main() {
  const [command = "", ...args] = process.argv.slice(2)
  if (!Object.hasOwn(COMMANDS, command))
    throw new SetupFailure(
      `bootstrap.mjs takes one of ${Object.keys(COMMANDS).join(", ")}, not "${command}"`,
      2,
    )
  process.chdir(REPOSITORY)
  const progress = createProgress()

  const node = await withSetupLock(progress, () => ensureNode(progress))
  leadPath(node)
  if (node !== process.execPath) return rerunWith(node, process.argv.slice(1))

  await withSetupLock(progress, async () => {
    await ensureDependencies(progress)
    await ensureBuilt(progress, COMMANDS[command])
  })
  const { main: run } = await import(`./src/${command}.ts`)
  return run(args, progress)
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error) => {
    console.error(error instanceof SetupFailure ? `\n${error.message}` : error)
    process.exitCode = error instanceof SetupFailure ? error.exitCode : 1
    // Whoever reads only the last line of `npm test` has to see that it did not even begin.
    if (process.argv[2] === "test") console.log("0 passed, 1 failed, 0 skipped")
  },
)
