import { readFileSync } from "node:fs"
import { homedir } from "node:os"
import { posix, win32 } from "node:path"
import { parseEnv } from "node:util"
import { parse as parseYaml } from "yaml"
import * as z from "zod"
import { SETTINGS } from "./config-settings.ts"
import type { SettingName } from "./config-settings.ts"

type Parsed = { [N in SettingName]: z.infer<(typeof SETTINGS)[N]["schema"]> }

/** All settings of the hub, read once at the start and frozen. */
export type Config = Readonly<ReturnType<typeof grouped>>

type Env = Readonly<Record<string, string | undefined>>

export interface ConfigSources {
  /** YAML file with the same names as the environment: `--config`. */
  configFile?: string | undefined
  /** File with `NAME=value` lines: `--env-file`. */
  envFile?: string | undefined
  env?: Env
}

/** Every problem of the settings at once. `main` prints `message` and exits with 2. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The settings are not usable:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`)
    this.name = "ConfigError"
    this.problems = problems
  }
}

/** Environment over `--env-file` over `--config` over the defaults. Throws a `ConfigError`. */
export function readConfig(sources: ConfigSources = {}): Config {
  const problems: string[] = []
  const fromFile = readSource(sources.configFile, problems, readYamlSettings)
  const fromEnvFile = readSource(sources.envFile, problems, (text) => new Map(Object.entries(parseEnv(text))))
  const env = sources.env ?? process.env
  const values: Record<string, unknown> = {}
  for (const name of settingNames()) {
    const given = env[name] || fromEnvFile.get(name) || fromFile.get(name) || null
    values[name] = readSetting(name, given, problems)
  }
  if (problems.length > 0) throw new ConfigError(problems)
  const parsed = values as Parsed
  problems.push(...crossProblems(parsed))
  if (problems.length > 0) throw new ConfigError(problems)
  return deepFreeze(
    grouped(parsed, dataDirOf({ platform: process.platform, isRoot: process.getuid?.() === 0, env })),
  )
}

export function settingNames(): SettingName[] {
  return Object.keys(SETTINGS) as SettingName[]
}

function readSetting(name: SettingName, given: string | null, problems: string[]): unknown {
  const setting = SETTINGS[name]
  if (given === null && "missing" in setting) {
    problems.push(`${name} is not set: ${setting.missing}`)
    return null
  }
  const parsed = setting.schema.safeParse(given)
  if (parsed.success) return parsed.data
  const shown = "secret" in setting && setting.secret ? "a value that is not shown" : JSON.stringify(given)
  problems.push(`${name} is ${shown}, allowed is ${setting.allowed}`)
  return null
}

function crossProblems(settings: Parsed): string[] {
  const { BOO_LISTEN: listen, BOO_ADMIN_TOKEN: token, BOO_TRUSTED_PROXY: proxies } = settings
  if (isLoopback(listen.host) || token !== null || proxies.length > 0) return []
  return [
    `BOO_LISTEN is "${listen.host}:${listen.port}", which other machines can reach, and nobody would have to say who they are: ` +
      "set BOO_ADMIN_TOKEN, or BOO_TRUSTED_PROXY if a reverse proxy signs people in, or listen on 127.0.0.1",
  ]
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host)
}

/** What `BOO_DATA_DIR` is where nobody says. */
export function dataDirOf({
  platform,
  isRoot,
  env,
}: {
  platform: string
  isRoot: boolean
  env: Env
}): string {
  if (platform === "win32") {
    return win32.join(env["LOCALAPPDATA"] ?? win32.join(homedir(), "AppData", "Local"), "boocontrol")
  }
  return isRoot ? "/var/lib/boocontrol" : posix.join(env["HOME"] ?? homedir(), ".local/share/boocontrol")
}

function grouped(s: Parsed, defaultDataDir: string) {
  return {
    databaseUrl: s.DATABASE_URL,
    waitForTables: s.BOO_WAIT_FOR_TABLES,
    waitTimeoutMs: s.BOO_WAIT_TIMEOUT_S * 1000,
    nats: { url: s.NATS_URL, credsFile: s.NATS_CREDS },
    dataDir: s.BOO_DATA_DIR ?? defaultDataDir,
    listen: s.BOO_LISTEN,
    basePath: s.BOO_BASE_PATH,
    adminToken: s.BOO_ADMIN_TOKEN,
    trustedProxies: s.BOO_TRUSTED_PROXY,
    gatewayOrigins: s.BOO_GATEWAY_ORIGINS,
    capture: {
      policy: s.CAPTURE_POLICY,
      maxBytes: s.CAPTURE_MAX_KB * 1024,
      budgetBytes: s.CAPTURE_BUDGET_MB * 1024 * 1024,
    },
    retain: {
      perfDays: {
        raw: s.RETAIN_PERF_RAW_DAYS,
        "10s": s.RETAIN_PERF_10S_DAYS,
        "1m": s.RETAIN_PERF_1M_DAYS,
        "5m": s.RETAIN_PERF_5M_DAYS,
        "1h": s.RETAIN_PERF_1H_DAYS,
      },
      activityDays: s.RETAIN_ACTIVITY_DAYS,
      eventsDays: s.RETAIN_EVENTS_DAYS,
      packAfterHours: s.PACK_AFTER_HOURS,
    },
    streams: {
      BOO_EVENTS: {
        maxBytes: s.BOO_EVENTS_MAX_MB * 1024 * 1024,
        maxAgeMs: s.BOO_EVENTS_MAX_AGE_H * 3_600_000,
      },
      BOO_PERF: { maxBytes: s.BOO_PERF_MAX_MB * 1024 * 1024, maxAgeMs: s.BOO_PERF_MAX_AGE_H * 3_600_000 },
    },
    sandboxEngine: s.SANDBOX_ENGINE,
    lifeline: s.BOO_LIFELINE === "1",
    log: { level: s.BOO_LOG_LEVEL, format: s.BOO_LOG_FORMAT },
  }
}

function readSource(
  path: string | undefined,
  problems: string[],
  read: (text: string) => Map<string, string | undefined>,
): Map<string, string | undefined> {
  if (path === undefined) return new Map()
  try {
    return read(readFileSync(path, "utf8"))
  } catch (error) {
    problems.push(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    return new Map()
  }
}

const Scalar = z.union([z.string(), z.number(), z.boolean()])
const YamlSettings = z.nullable(z.record(z.string(), z.union([z.null(), Scalar, z.array(Scalar)])))

/** A list in YAML is what a comma-separated text is in the environment. */
function readYamlSettings(text: string): Map<string, string> {
  const file = YamlSettings.safeParse(parseYaml(text))
  if (!file.success)
    throw new Error("it must hold NAME: value lines, a value being a text, a number or a list of these")
  const unknown = Object.keys(file.data ?? {}).filter((name) => !(name in SETTINGS))
  if (unknown.length > 0) throw new Error(`${unknown.join(", ")}: no such setting`)
  const given = Object.entries(file.data ?? {}).filter(([, value]) => value !== null)
  return new Map(given.map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : String(value)]))
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === "object" && inner !== null) deepFreeze(inner)
  }
  return Object.freeze(value)
}

/** Text of `.env.example`: every setting with its meaning, what is allowed, and its default. */
export function envExample(): string {
  const entries = settingNames().map((name) => {
    const setting = SETTINGS[name]
    return `# ${setting.meaning}\n# Allowed: ${setting.allowed}\n#${name}=${setting.example}\n`
  })
  const head =
    "# Settings of the BooControl hub. All are optional with `npm start`, which brings a Postgres and a nats-server.\n" +
    "# Generated from the schema; a value here is the default or an example.\n"
  return [head, ...entries].join("\n")
}
