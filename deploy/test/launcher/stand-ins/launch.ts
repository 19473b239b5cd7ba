// `npm start` without set-up, and with stand-ins in the place of hub, sidecar and demo.
import { fileURLToPath } from "node:url"
import { main } from "../../../local/src/start.ts"

const standIn = (name: string): string[] => [
  process.execPath,
  fileURLToPath(new URL(`${name}.ts`, import.meta.url)),
]

process.exitCode = await main(
  process.argv.slice(2),
  { say: (line) => console.log(line) },
  { hub: standIn("hub"), sidecar: standIn("sidecar"), demo: standIn("demo") },
)
