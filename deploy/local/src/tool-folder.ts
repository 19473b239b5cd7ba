import { mkdirSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"

/** Where programs that tests had to fetch are kept over runs, outside of any data folder. */
export function toolFolder(): string {
  for (const home of [homedir(), tmpdir()]) {
    const folder = join(home, ".cache", "boocontrol")
    try {
      mkdirSync(folder, { recursive: true })
      return folder
    } catch {
      // An account without a home, as build machines have them.
    }
  }
  throw new Error(`neither ${homedir()} nor ${tmpdir()} can be written to`)
}
