// `pnpm chaos`: everything that can break is broken at random moments while hosts work, and then every row that a
// simulated llama-swap ever wrote is looked for in Postgres.
import { readOptions, USAGE } from "./options.ts"
import { runChaos } from "./run.ts"

// What was started ends with this process; leaving by its own exit also gives back what was mounted.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (options === null) {
    process.stdout.write(USAGE)
    return 0
  }
  const { clean } = await runChaos(options)
  return clean ? 0 : 1
}

process.exitCode = await main()
