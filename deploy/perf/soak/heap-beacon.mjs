// Loaded into a process that is watched, with `--import`: writes every 10 s how much of its heap was in use at the least,
// which is what lives on after a collection. The folder comes in the query of its own URL: it needs no environment.
import { appendFileSync } from "node:fs"
import { isMainThread, threadId } from "node:worker_threads"

const LOOK_EVERY_MS = 500
const LOOKS = 20

const folder = new URL(import.meta.url).searchParams.get("folder")
let least = Infinity
let looks = 0
setInterval(() => {
  least = Math.min(least, process.memoryUsage().heapUsed)
  looks += 1
  if (looks < LOOKS) return
  appendFileSync(
    `${folder}/${process.pid}${isMainThread ? "" : `-${threadId}`}.heap`,
    `${Date.now()} ${least}\n`,
  )
  least = Infinity
  looks = 0
}, LOOK_EVERY_MS).unref()
