import { statSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type { Frame } from "@boocontrol/shared/frames"
import type { Log } from "./log.ts"

/** Writes the fleet into the cockpit's page; null where it cannot: the page then draws itself, a little later. */
export type FirstScreen = (page: string, base: string) => Promise<string | null>

interface FirstScreenDeps {
  /** The built cockpit, which brings the code that draws its first screen. */
  readonly root: string
  readonly snapshot: () => Frame
  readonly log: Log
}

type Write = (given: { page: string; snapshot: Frame; base: string }) => Promise<unknown>

export function createFirstScreen({ root, snapshot, log }: FirstScreenDeps): FirstScreen {
  const file = join(root, "server", "first-screen.js")
  return async (page, base) => {
    const mtimeMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs
    if (mtimeMs === undefined) return null
    try {
      // A cockpit that was built anew brings its own; the same one is loaded once.
      const write = await load(`${pathToFileURL(file).href}?${mtimeMs}`)
      const written = await write({ page, snapshot: snapshot(), base })
      return typeof written === "string" ? written : null
    } catch (error) {
      log.warn({ err: error }, "the fleet could not be written into the page: it draws itself")
      return null
    }
  }
}

async function load(address: string): Promise<Write> {
  const { writeFirstScreen } = (await import(address)) as { writeFirstScreen?: unknown }
  if (typeof writeFirstScreen !== "function") throw new Error(`${address} writes no first screen`)
  return writeFirstScreen as Write
}
