import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

export const REPOSITORY = resolve(fileURLToPath(new URL("../../..", import.meta.url)))

/** What the set-up brings and remembers; safe to delete, the next start makes it again. */
export const RUNTIME = join(REPOSITORY, ".runtime")
