import { existsSync, readFileSync } from "node:fs"
import { homedir, hostname } from "node:os"
import { join } from "node:path"
import { parseEnv } from "node:util"
import { slugOfHostname } from "@boocontrol/shared/ids"
import type { HostId } from "@boocontrol/shared/ids"
import { isSettingName, SETTING_NAMES, SETTINGS, shownValue } from "./settings.ts"
import type { SettingName } from "./settings.ts"

/** In the data folder: what the hub has said at the enrolment, as `NAME=value` lines. */
export const ENROLLED_FILE = "sidecar.env"

export interface Config {
  readonly hostId: HostId
  readonly dataDir: string
  readonly nats: { readonly servers: readonly string[]; readonly credsFile: string | null }
  readonly engine: {
    readonly url: string
    readonly apiKey: string | null
    readonly advertiseUrl: string | null
    readonly configFile: string | null
    readonly restart: string | null
  }
  readonly ssh: {
    readonly target: string | null
    readonly keyFile: string | null
    readonly knownHosts: string | null
  }
  readonly nvidiaSmi: string
  readonly llamaBench: string
  readonly spool: { readonly folder: string; readonly maxBytes: number }
  readonly simulated: boolean
  /** Started by a launcher that holds our stdin open: its end is ours. */
  readonly lifeline: boolean
}

export interface ConfigFiles {
  config?: string | undefined
  envFile?: string | undefined
}

/** Everything that is wrong with the settings, together. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`the settings are not valid:\n${problems.map((problem) => `  ${problem}`).join("\n")}`)
    this.name = "ConfigError"
    this.problems = problems
  }
}

/** Environment of this process with changes, for child processes. */
export function childEnvironment(changes: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, ...changes }
}

/**
 * Reads settings: the environment wins over `--env-file`, that over the YAML file, and that over what an enrolment has
 * left in the data folder. Throws `ConfigError`.
 */
export async function readConfig(
  files: ConfigFiles = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<Config> {
  const { given, problems } = await readGiven(files, env)
  const hostId = hostIdOf(given.get("BOO_HOST_ID"), problems)
  if (problems.length > 0 || hostId === null) throw new ConfigError(problems)
  return configOf(given, hostId, env)
}

/** The settings that are given for this run, and where its data folder is. Throws `ConfigError`. */
export async function readForEnrolment(
  files: ConfigFiles,
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ settings: ReadonlyMap<SettingName, string>; dataDir: string }> {
  const { given, problems } = await readGiven(files, env, { enrolled: false })
  if (problems.length > 0) throw new ConfigError(problems)
  return { settings: given, dataDir: given.get("BOO_DATA_DIR") ?? dataFolder(env) }
}

interface Given {
  given: Map<SettingName, string>
  problems: string[]
}

async function readGiven(
  files: ConfigFiles,
  env: NodeJS.ProcessEnv,
  { enrolled = true }: { enrolled?: boolean } = {},
): Promise<Given> {
  const problems: string[] = []
  const given = new Map<SettingName, string>()
  if (files.config !== undefined) await takeYaml(files.config, given, problems)
  if (files.envFile !== undefined) take(readEnvFile(files.envFile, problems), given)
  take(env, given)
  const kept = join(given.get("BOO_DATA_DIR") ?? dataFolder(env), ENROLLED_FILE)
  // Who says where NATS is means another one, perhaps: these credentials are not for it.
  if (enrolled && !given.has("NATS_URL") && existsSync(kept)) {
    const saved = new Map<SettingName, string>()
    take(readEnvFile(kept, problems), saved)
    for (const [name, value] of saved) if (!given.has(name)) given.set(name, value)
  }
  for (const [name, value] of given) {
    const { schema, allowed } = SETTINGS[name]
    if (schema.safeParse(value).success) continue
    problems.push(`${name}=${shownValue(name, value)} is not valid: it must be ${allowed}`)
  }
  return { given, problems }
}

function configOf(given: ReadonlyMap<SettingName, string>, hostId: HostId, env: NodeJS.ProcessEnv): Config {
  const optional = (name: SettingName) => given.get(name) ?? null
  const withDefault = (
    name: "NATS_URL" | "LLAMA_SWAP_URL" | "NVIDIA_SMI" | "LLAMA_BENCH" | "BOO_SPOOL_MAX_MB",
  ) => given.get(name) ?? SETTINGS[name].fallback
  const dataDir = given.get("BOO_DATA_DIR") ?? dataFolder(env)
  return Object.freeze({
    hostId,
    dataDir,
    nats: {
      servers: withDefault("NATS_URL")
        .split(",")
        .map((one) => one.trim()),
      credsFile: optional("NATS_CREDS"),
    },
    engine: {
      url: withDefault("LLAMA_SWAP_URL").replace(/\/+$/, ""),
      apiKey: optional("LLAMA_SWAP_API_KEY"),
      advertiseUrl: optional("BOO_ADVERTISE_URL"),
      configFile: optional("LLAMA_SWAP_CONFIG"),
      restart: optional("LLAMA_SWAP_RESTART"),
    },
    ssh: {
      target: optional("BOO_SSH"),
      keyFile: optional("BOO_SSH_KEY"),
      knownHosts: optional("BOO_SSH_KNOWN_HOSTS"),
    },
    nvidiaSmi: withDefault("NVIDIA_SMI"),
    llamaBench: withDefault("LLAMA_BENCH"),
    spool: {
      folder: given.get("BOO_SPOOL_DIR") ?? join(dataDir, "spool", hostId),
      maxBytes: Number(withDefault("BOO_SPOOL_MAX_MB")) * 1024 * 1024,
    },
    simulated: ["1", "true", "yes"].includes(given.get("BOO_SIMULATED") ?? "0"),
    lifeline: env["BOO_LIFELINE"] === "1",
  })
}

function hostIdOf(given: string | undefined, problems: string[]): HostId | null {
  if (given !== undefined) return SETTINGS.BOO_HOST_ID.schema.safeParse(given).data ?? null
  const slug = slugOfHostname(hostname())
  if (slug === null)
    problems.push(`BOO_HOST_ID is not set, and no id can be made of the host name ${hostname()}`)
  return slug
}

function dataFolder(env: NodeJS.ProcessEnv): string {
  if (process.platform === "win32") return join(env["LOCALAPPDATA"] ?? homedir(), "boocontrol")
  return process.getuid?.() === 0 ? "/var/lib/boocontrol" : join(homedir(), ".local/share/boocontrol")
}

/** An empty value counts as not set, as in a shell. */
function take(values: Readonly<Record<string, string | undefined>>, given: Map<SettingName, string>): void {
  for (const name of SETTING_NAMES) {
    const value = values[name]
    if (value !== undefined && value !== "") given.set(name, value)
  }
}

function readEnvFile(path: string, problems: string[]): Readonly<Record<string, string | undefined>> {
  try {
    return parseEnv(readFileSync(path, "utf8"))
  } catch (error) {
    problems.push(`${path} cannot be read: ${String(error)}`)
    return {}
  }
}

async function takeYaml(path: string, given: Map<SettingName, string>, problems: string[]): Promise<void> {
  // Loaded only where such a file is used: a YAML parser is most of a megabyte of resident code.
  const { readSettingsFile } = await import("./settings-file.ts")
  const read = readSettingsFile(path)
  problems.push(...read.problems)
  for (const [name, value] of Object.entries(read.values)) {
    if (isSettingName(name)) given.set(name, value)
    else problems.push(`${name} in ${path} is not a setting. Known: ${SETTING_NAMES.join(", ")}`)
  }
}
