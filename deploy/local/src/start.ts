import { join } from "node:path"
import { PRODUCT } from "./commands.ts"
import type { Commands } from "./commands.ts"
import { readSettings } from "./config.ts"
import { prepareDataFolder } from "./data-folder.ts"
import { codeOf, messageOf, StartFailure } from "./failure.ts"
import { parseFlags, USAGE } from "./flags.ts"
import { freePort, isFree } from "./free-port.ts"
import { createLauncher } from "./launcher.ts"
import { clearLeftovers } from "./leftovers.ts"
import { lockFolder } from "./lock.ts"
import { describeOwner, portOwner } from "./port-owner.ts"
import { startGuard } from "./processes/guard.ts"
import type { Settings } from "./settings.ts"
import { stopRequest } from "./stop-request.ts"

export interface Progress {
  say(line: string): void
}

/** `npm start`: runs until somebody stops it, and returns the exit code. */
export async function main(
  args: string[],
  progress: Progress,
  commands: Commands = PRODUCT,
): Promise<number> {
  // A terminal that was closed must not turn the next line into a crash.
  process.stdout.on("error", () => undefined)
  const wanted = stopRequest(process.env.BOO_LIFELINE_FD)
  try {
    return await run(readArguments(args), { progress, commands, wanted })
  } catch (error) {
    const failure = explained(error)
    if (failure === null) throw error
    console.error(`\n${failure.message}`)
    return failure.exitCode
  }
}

function explained(error: unknown): StartFailure | null {
  if (error instanceof StartFailure) return error
  if (codeOf(error) !== "ENOSPC") return null
  return new StartFailure(
    `The disk is full: ${messageOf(error)}\nFree some space and start again; nothing was lost.`,
  )
}

function readArguments(args: string[]): Settings {
  const parsed = parseFlags(args)
  if (parsed.kind === "flags") return readSettings(parsed.flags)
  throw new StartFailure(`${parsed.problems.join("\n")}\n\n${USAGE}`, { exitCode: 2 })
}

interface Surroundings {
  progress: Progress
  commands: Commands
  wanted: Promise<string>
}

async function run(given: Settings, { progress, commands, wanted }: Surroundings): Promise<number> {
  const say = (line: string): void => progress.say(line)
  const dataDir = prepareDataFolder(given.dataDir)
  const lock = lockFolder(dataDir, new Date().toISOString())
  try {
    const record = join(dataDir, "children.json")
    const cleared = await clearLeftovers(record)
    if (cleared.length > 0) say(`ended what an earlier start left running: ${cleared.join(", ")}`)
    const settings = { ...given, dataDir, listen: await claimPort(given.listen) }
    const launcher = createLauncher({ settings, commands, say, guard: startGuard(record) })
    try {
      return await attend(launcher, say, wanted)
    } finally {
      await launcher.stop()
      say("stopped")
    }
  } finally {
    lock.release()
  }
}

/** From the start to the reason for the stop. */
async function attend(
  launcher: ReturnType<typeof createLauncher>,
  say: (line: string) => void,
  wanted: Promise<string>,
): Promise<number> {
  const start = launcher.start()
  // Once a stop is wanted, nobody waits any more for how the start would have gone.
  start.catch(() => undefined)
  const asked = wanted.then((reason) => ({ kind: "asked", reason }) as const)
  const broken = launcher.broken.then((reason) => ({ kind: "broken", reason }) as const)
  const begun = await Promise.race([start.then((url) => ({ kind: "ready", url }) as const), asked, broken])
  if (begun.kind === "ready") console.log(`BooControl is ready: ${begun.url}`)
  const ended = begun.kind === "ready" ? await Promise.race([asked, broken]) : begun
  say(ended.kind === "broken" ? `${ended.reason}: stopping everything` : `stopping (${ended.reason})`)
  return ended.kind === "broken" ? 1 : 0
}

/** Checked before anything starts: a hub that finds its port taken would say so late and after a migration. */
async function claimPort(listen: Settings["listen"]): Promise<Settings["listen"]> {
  const { host, port } = listen
  if (port === 0) return { host, port: await freePort(host, null) }
  if (await isFree(host, port)) return listen
  throw new StartFailure(
    `The address ${host}:${port} is in use ${describeOwner(await portOwner(port))}.\n` +
      "Stop that, or give another port: npm start -- --port N",
  )
}
