import { PRODUCT, inRepository } from "./commands.ts"
import type { Commands } from "./commands.ts"
import { main as start } from "./start.ts"
import type { Progress } from "./start.ts"

const DEVELOPMENT: Commands = {
  ...PRODUCT,
  hub: [process.execPath, "--watch", inRepository("hub/src/main.ts"), "serve"],
  ui: {
    command: [
      process.execPath,
      inRepository("ui/node_modules/vite/bin/vite.js"),
      inRepository("ui"),
      "--config",
      inRepository("ui/vite.config.ts"),
      "--host=127.0.0.1",
      "--port=5173",
      "--strictPort",
    ],
    url: "http://127.0.0.1:5173",
  },
}

/** `npm run dev`: as `npm start`, with a hub that starts again when its sources change, and a cockpit that reloads. */
export function main(args: string[], progress: Progress): Promise<number> {
  return start(args, progress, DEVELOPMENT)
}
