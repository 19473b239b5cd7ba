#!/usr/bin/env node
import { parseArgs } from "node:util"
import { ConfigError, readConfig } from "./config.ts"
import type { Config } from "./config.ts"

const USAGE = `boocontrol-hub [command] [--config FILE] [--env-file FILE]

  serve                     run the hub (default)
  migrate                   bring the database up to date and end
  host add <id>             register a host and print how its machine joins
  host list                 every registered host
  host remove <id>          forget a host; its history stays
  host rotate <id>          new credentials for a host; the old ones are refused
  token create <label> [--role admin|read] [--days N]
                            a token for a person or a program; role read where none is given
  token list                every token, and when it was last used
  token revoke <label|id>   refuse it from now on
  export --out FOLDER [--from T] [--to T] [--what LIST] [--host LIST] [--format csv|ndjson]
                            history as files, of the last day where no time is given; LIST of
                            activity, model-events, perf-raw, perf-10s, perf-1m, perf-5m, perf-1h
`

/** Exit codes: 0 done, 1 failed, 2 settings or arguments. */
const BAD_USAGE = 2

async function run(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      config: { type: "string" },
      "env-file": { type: "string" },
      role: { type: "string" },
      ...{ out: { type: "string" }, from: { type: "string" }, to: { type: "string" } },
      ...{ what: { type: "string" }, host: { type: "string" }, format: { type: "string" } },
      days: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  })
  const [command = "serve", ...rest] = positionals
  if (values.help === true) return say(USAGE, 0)
  const config = (): Config => readConfig({ configFile: values.config, envFile: values["env-file"] })
  // Each brings only what it needs: the hub as a whole takes a second to load.
  switch (command) {
    case "serve":
      return (await import("./cli/serve.ts")).serveCommand(config())
    case "migrate":
      return (await import("./cli/migrate.ts")).migrateCommand(config())
    case "host": {
      const { hostCommand } = await import("./cli/host.ts")
      return (await hostCommand(rest, config)) ?? say(USAGE, BAD_USAGE)
    }
    case "token": {
      const { tokenCommand } = await import("./cli/token.ts")
      return (await tokenCommand(rest, values, config)) ?? say(USAGE, BAD_USAGE)
    }
    case "export": {
      const { exportCommand } = await import("./cli/export.ts")
      return (await exportCommand(rest, values, config)) ?? say(USAGE, BAD_USAGE)
    }
    default:
      return say(`No such command: ${command}\n\n${USAGE}`, BAD_USAGE)
  }
}

function say(text: string, code: number): number {
  ;(code === 0 ? process.stdout : process.stderr).write(text)
  return code
}

try {
  process.exitCode = await run()
} catch (error) {
  const isUsage = error instanceof ConfigError || (error instanceof TypeError && "code" in error)
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`${isUsage ? error.message : stack}\n`)
  process.exitCode = isUsage ? BAD_USAGE : 1
}
