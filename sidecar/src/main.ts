#!/usr/bin/env node
import { keepTrim } from "./platform/footprint.ts"
import { parseArgs } from "node:util"
import { createSidecar } from "./app.ts"
import { childEnvironment, ConfigError, readConfig, readForEnrolment } from "./config.ts"
import type { Config } from "./config.ts"
import { systemClock } from "./platform/clock.ts"
import { reasonOf, stderrLog } from "./platform/log.ts"
import { SpoolFolderError } from "./spool/folder.ts"
import { VERSION } from "./version.ts"

const USAGE = `boocontrol-sidecar ${VERSION}

  run        watch this host's llama-swap and GPUs, and tell the hub (default)
  status     what the running sidecar sees, from its spool folder
  doctor     what can and cannot be reached from here, and what to do about it
  enroll     become a host: --hub URL --token T, as the hub's enrolment command says
  install    run as a service from now on (Linux: systemd; Windows: writes a script); uninstall takes it away

  --config FILE     settings from a YAML file
  --env-file FILE   settings from a file of NAME=value lines; the environment wins over both
  --json            status as JSON
  --dry-run         install, uninstall: print what would be done
  --user NAME       install: the account of the service (boocontrol)
  --root DIR        install, uninstall: write below DIR and start nothing, for images
`

const EXIT = { ok: 0, failed: 1, badSettings: 2 } as const

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      config: { type: "string" },
      "env-file": { type: "string" },
      hub: { type: "string" },
      token: { type: "string" },
      "dry-run": { type: "boolean", default: false },
      user: { type: "string", default: "boocontrol" },
      root: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      version: { type: "boolean", default: false },
    },
  })
  const [verb = "run"] = positionals
  if (values.help || values.version) {
    process.stdout.write(values.help ? USAGE : `${VERSION}\n`)
    return EXIT.ok
  }
  const files = { config: values.config, envFile: values["env-file"] }
  if (verb === "enroll") return becomeHost(values, await readForEnrolment(files))
  const config = await readConfig(files)
  if (verb === "run") return run(config)
  if (verb === "install" || verb === "uninstall") {
    const { service, ServiceError } = await import("./service/index.ts")
    const options = { dryRun: values["dry-run"], user: values.user, root: values.root ?? null }
    try {
      service(verb, {
        ...options,
        config,
        envFile: values["env-file"] ?? null,
        path: pathOf(childEnvironment()),
      })
      return EXIT.ok
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      process.stderr.write(`${error.message}\n`)
      return EXIT.failed
    }
  }
  if (verb === "status" || verb === "doctor") {
    // Not part of the resident program.
    const { doctor, status } = await import("./doctor/index.ts")
    const clock = systemClock()
    const io = { clock, write: (line: string) => void process.stdout.write(`${line}\n`) }
    const healthy =
      verb === "status" ? status(config, io, values.json) : await doctor(config, io, childEnvironment)
    return healthy ? EXIT.ok : EXIT.failed
  }
  process.stderr.write(`there is no command ${verb}\n\n${USAGE}`)
  return EXIT.badSettings
}

function pathOf(environment: NodeJS.ProcessEnv): string {
  return environment["PATH"] ?? ""
}

async function becomeHost(
  { hub, token }: { hub?: string | undefined; token?: string | undefined },
  given: Awaited<ReturnType<typeof readForEnrolment>>,
): Promise<number> {
  if (!hub || !token || !URL.canParse(hub)) {
    process.stderr.write(
      "enroll needs --hub URL and --token T: `boocontrol-hub host add <id>` and the cockpit print the whole line\n",
    )
    return EXIT.badSettings
  }
  const { enroll, EnrolError } = await import("./enroll/index.ts")
  try {
    await enroll({
      hub,
      token,
      ...given,
      write: (line) => void process.stdout.write(`${line}\n`),
    })
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof EnrolError)) throw error
    process.stderr.write(`${error.message}\n`)
    return EXIT.failed
  }
}

async function run(config: Config): Promise<never> {
  const clock = systemClock()
  const log = stderrLog(clock)
  const sidecar = createSidecar({ config, clock, log, environment: childEnvironment })
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve())
    // Whoever started this holds the other end: its death ends us too.
    if (config.lifeline)
      process.stdin
        .on("end", resolve)
        .on("close", resolve)
        .on("error", () => resolve())
        .resume()
  })
  log.info(`sidecar ${VERSION} for host ${config.hostId}: llama-swap at ${config.engine.url}`)
  await sidecar.start()
  const stopTrimming = keepTrim(clock)
  await ended
  log.info("stopping")
  stopTrimming()
  await sidecar.stop()
  // A child that will not die must not hold this process.
  process.exit(EXIT.ok)
}

try {
  process.exitCode = await main()
} catch (error) {
  const known = error instanceof ConfigError || error instanceof SpoolFolderError
  process.stderr.write(`${known ? error.message : reasonOf(error)}\n`)
  process.exitCode = error instanceof ConfigError || isUsageError(error) ? EXIT.badSettings : EXIT.failed
}

function isUsageError(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")
}
