import { fileURLToPath } from "node:url"

/** The command lines of our own programs; others in tests. */
export interface Commands {
  hub: readonly string[]
  sidecar: readonly string[]
  demo: readonly string[]
  /** A development server for the cockpit, in front of the hub. */
  ui?: { command: readonly string[]; url: string }
}

export const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../../${path}`, import.meta.url))

export const PRODUCT: Commands = {
  hub: [process.execPath, inRepository("hub/src/main.ts"), "serve"],
  sidecar: [process.execPath, inRepository("sidecar/dist/sidecar.mjs"), "run"],
  demo: [process.execPath, inRepository("deploy/demo/src/main.ts")],
}
