import { execFileSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { ENROLLED_FILE } from "../config.ts"
import type { Config } from "../config.ts"
import { findProgram } from "../platform/find-program.ts"
import { reasonOf } from "../platform/log.ts"
import { UNIT, unitText } from "./unit.ts"
import { installScript, uninstallScript } from "./windows.ts"

export interface ServiceOptions {
  config: Config
  /** `--env-file`; null: what the enrolment has left. */
  envFile: string | null
  user: string
  dryRun: boolean
  /** Write below this folder and run nothing: the system that is meant is not the one that runs. */
  root: string | null
  /** Where programs are looked for. */
  path: string
}

/** Why nothing, or not everything, was done, and what to do. */
export class ServiceError extends Error {}

const UNIT_FILE = `/etc/systemd/system/${UNIT}`

export function service(verb: "install" | "uninstall", options: ServiceOptions): void {
  if (process.platform === "win32") return windows(verb, options)
  if (process.platform !== "linux")
    throw new ServiceError(
      `${verb} knows systemd and Windows only: let ${process.platform} run \`boocontrol-sidecar run\``,
    )
  const isForThisSystem = options.root === null && !options.dryRun
  if (isForThisSystem && process.getuid?.() !== 0)
    throw new ServiceError(
      `${verb} writes ${UNIT_FILE}: run it as root, or with --dry-run to see what it would do`,
    )
  return verb === "install" ? install(options) : uninstall(options)
}

function install(options: ServiceOptions): void {
  const { config, user, dryRun, root } = options
  const envFile = envFileOf(options)
  const program = resolve(process.argv[1] ?? "")
  const text = unitText({
    ...{ node: process.execPath, program, user, dataDir: config.dataDir, envFile },
    engineConfig: config.engine.configFile,
  })
  if (dryRun) return void process.stdout.write(`# ${UNIT_FILE}\n${text}`)
  const act = actor(options)
  act.makeUser(user, config.dataDir)
  act.own(join(config.dataDir, "spool"), user, { folder: true })
  if (config.nats.credsFile !== null) act.own(resolve(config.nats.credsFile), user, { folder: false })
  act.write(UNIT_FILE, text)
  if (root !== null) return
  act.systemctl("daemon-reload")
  // What ran before goes on with the old text otherwise.
  act.systemctl("enable", UNIT)
  act.systemctl("restart", UNIT)
}

function uninstall(options: ServiceOptions): void {
  const { config, dryRun, root } = options
  const file = join(root ?? "/", UNIT_FILE)
  if (dryRun) return say(`would stop ${UNIT} and remove ${file}; ${config.dataDir} stays`)
  if (!existsSync(file)) throw new ServiceError(`${file} is not there: nothing was done`)
  const act = actor(options)
  if (root === null) act.systemctl("disable", "--now", UNIT)
  rmSync(file)
  say(`removed ${file}`)
  if (root === null) act.systemctl("daemon-reload")
  say(`${config.dataDir} stays: settings, credentials, and what was not sent yet`)
}

function windows(verb: "install" | "uninstall", options: ServiceOptions): void {
  const { config, dryRun } = options
  const program = resolve(process.argv[1] ?? "")
  const text =
    verb === "install"
      ? installScript({
          node: process.execPath,
          program,
          envFile: envFileOf(options),
          dataDir: config.dataDir,
        })
      : uninstallScript()
  if (dryRun) return void process.stdout.write(text)
  const file = join(config.dataDir, `${verb}-service.ps1`)
  writeFileSync(file, text.replaceAll("\n", "\r\n"))
  say(`wrote ${file}. Run as administrator:\n  powershell -ExecutionPolicy Bypass -File "${file}"`)
}

function envFileOf({ envFile, config }: ServiceOptions): string {
  const path = envFile === null ? join(config.dataDir, ENROLLED_FILE) : resolve(envFile)
  if (existsSync(path)) return path
  throw new ServiceError(
    `${path} is not there: enrol this machine first, as the account that installs, or give settings with --env-file`,
  )
}

/** Each does one thing and says so. */
function actor({ root, path }: ServiceOptions) {
  const placed = (file: string): string => (root === null ? file : join(root, file))
  const run = (program: string, args: readonly string[]): void => {
    const found = findProgram(program, path)
    if (found === null) return say(`there is no ${program} here; not done: ${program} ${args.join(" ")}`)
    try {
      execFileSync(found, args, { stdio: ["ignore", "inherit", "inherit"] })
      say(`${program} ${args.join(" ")}`)
    } catch (error) {
      throw new ServiceError(`${program} ${args.join(" ")} failed: ${reasonOf(error)}`)
    }
  }
  return {
    makeUser(user: string, home: string): void {
      if (root !== null || userId(user) !== null) return
      const how = ["--system", "--user-group", "--no-create-home", "--home-dir", home]
      run("useradd", [...how, "--shell", "/usr/sbin/nologin", user])
    },
    own(file: string, user: string, { folder }: { folder: boolean }): void {
      if (root !== null) return
      const parent = dirname(file)
      if (folder) mkdirSync(file, { recursive: true, mode: 0o700 })
      // The service's account must get through to it, and need not see what else is there.
      chmodSync(parent, (statSync(parent).mode & 0o7777) | 0o011)
      run("chown", ["-R", `${user}:`, file])
    },
    write(file: string, text: string): void {
      mkdirSync(dirname(placed(file)), { recursive: true })
      writeFileSync(placed(file), text, { mode: 0o644 })
      say(`wrote ${placed(file)}`)
    },
    systemctl: (...args: string[]) => run("systemctl", args),
  }
}

function userId(user: string): number | null {
  try {
    return Number(execFileSync("id", ["-u", user], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }))
  } catch {
    return null
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
