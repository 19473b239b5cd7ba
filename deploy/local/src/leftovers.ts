import { rmSync } from "node:fs"
import * as z from "zod/mini"
import { readIfThere } from "./data-folder.ts"
import { endProcesses } from "./processes/ending.ts"
import { EndableRecord } from "./processes/guard-line.ts"
import { isRunning } from "./processes/identity.ts"

/**
 * Ends what an earlier launcher left running, by the record it kept, and returns their names. A pid that belongs to
 * another process by now is left alone.
 */
export async function clearLeftovers(recordFile: string): Promise<string[]> {
  const running = readRecord(readIfThere(recordFile)).filter(isRunning)
  await endProcesses(running)
  rmSync(recordFile, { force: true })
  return running.map((one) => one.name)
}

function readRecord(content: string | null): z.infer<typeof EndableRecord>[] {
  try {
    return content === null ? [] : z.array(EndableRecord).parse(JSON.parse(content))
  } catch {
    // Cut off by a full disk; what it named cannot be told from strangers any more.
    return []
  }
}
