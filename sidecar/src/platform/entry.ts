import { fileURLToPath } from "node:url"

/** Programs that are not part of the resident one: bundled files of their own, or sources in development. */
const ENTRIES = {
  facts: "../telemetry/facts/main.ts",
} as const

/** Where such a program is: beside the bundle this runs in, or among the sources. */
export function entryFile(name: keyof typeof ENTRIES): string {
  const bundled = import.meta.url.endsWith(".mjs")
  return fileURLToPath(new URL(bundled ? `./${name}.mjs` : ENTRIES[name], import.meta.url))
}
