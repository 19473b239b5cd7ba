import { readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { parseEnv } from "node:util"
import { parse as parseYaml } from "yaml"
import * as z from "zod/mini"
import { messageOf, StartFailure } from "./failure.ts"
import type { Flags } from "./flags.ts"
import { resolveSettings } from "./settings.ts"
import type { Settings } from "./settings.ts"

const Scalar = z.union([z.string(), z.number(), z.boolean()])
const YamlSettings = z.nullable(z.record(z.string(), z.nullable(z.union([Scalar, z.array(Scalar)]))))

// Between bootstrap and launcher; to a child they would be another's pipe and another's clock.
const BETWEEN_OURSELVES = ["BOO_LIFELINE_FD", "BOO_STARTED_AT"]

/** Environment over `--env-file` over `--config` over the defaults; throws with every problem at once. */
export function readSettings(flags: Flags, env: NodeJS.ProcessEnv = process.env): Settings {
  const own = given(env)
  for (const name of BETWEEN_OURSELVES) delete own[name]
  const values = {
    ...(flags.configFile === null ? {} : fromYaml(flags.configFile)),
    ...(flags.envFile === null ? {} : given(readSource(flags.envFile, parseEnv))),
    ...own,
  }
  const resolved = resolveSettings(values, flags, defaultDataDir(env))
  if (resolved.kind === "settings") return resolved.settings
  const problems = resolved.problems.map((problem) => `  - ${problem}`).join("\n")
  throw new StartFailure(`The settings are not usable:\n${problems}`, { exitCode: 2 })
}

function fromYaml(path: string): Record<string, string> {
  const settings = readSource(path, (text) => YamlSettings.parse(parseYaml(text))) ?? {}
  return given(
    Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [name, value === null ? "" : String(value)]),
    ),
  )
}

function given(values: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "",
    ),
  )
}

function readSource<T>(path: string, parse: (text: string) => T): T {
  try {
    return parse(readFileSync(path, "utf8"))
  } catch (error) {
    throw new StartFailure(`${path} cannot be read: ${messageOf(error)}`, { cause: error, exitCode: 2 })
  }
}

export function defaultDataDir(env: NodeJS.ProcessEnv): string {
  if (process.platform === "win32")
    return join(env.LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), "boocontrol")
  return process.getuid?.() === 0 ? "/var/lib/boocontrol" : join(homedir(), ".local", "share", "boocontrol")
}
