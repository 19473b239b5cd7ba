import type { Flags } from "./flags.ts"
import { StartFailure } from "./failure.ts"
import { parseListen } from "./services/nats-listen.ts"

/** Everything by its environment name, whatever file or variable it came from. */
export type Values = Readonly<Record<string, string>>

export interface Settings {
  dataDir: string
  listen: { host: string; port: number }
  basePath: string
  databaseUrl: string | null
  natsUrl: string | null
  natsCreds: string | null
  natsListen: string | null
  llamaSwapUrl: string
  hostId: string | null
  demo: Flags["demo"]
  /** All values, for the children, which read the rest themselves. */
  values: Values
}

export type ResolvedSettings =
  { kind: "settings"; settings: Settings } | { kind: "wrong"; problems: string[] }

/** What the launcher itself has to understand; hub and sidecar check the rest. */
export function resolveSettings(values: Values, flags: Flags, defaultDataDir: string): ResolvedSettings {
  const problems: string[] = []
  const get = (name: string): string | null => (values[name] ? values[name] : null)
  const url = (name: string, protocols: string[]): string | null => {
    const value = get(name)
    const fits =
      value !== null && URL.canParse(value) && protocols.includes(new URL(value).protocol.slice(0, -1))
    if (value !== null && !fits)
      problems.push(
        `${name} is "${hidePassword(value)}", allowed is ${protocols.map((p) => `${p}://...`).join(" or ")}`,
      )
    return value
  }
  const settings: Settings = {
    dataDir: flags.dataDir ?? get("BOO_DATA_DIR") ?? defaultDataDir,
    listen: listenOf(get("BOO_LISTEN") ?? "127.0.0.1:9503", flags.port, problems),
    basePath: get("BOO_BASE_PATH") ?? "/",
    databaseUrl: url("DATABASE_URL", ["postgres", "postgresql"]),
    natsUrl: url("NATS_URL", ["nats", "tls", "ws", "wss"]),
    natsCreds: get("NATS_CREDS"),
    natsListen: get("BOO_NATS_LISTEN"),
    llamaSwapUrl: url("LLAMA_SWAP_URL", ["http", "https"]) ?? "http://127.0.0.1:8080",
    hostId: get("BOO_HOST_ID"),
    demo: flags.demo,
    values,
  }
  if (settings.hostId !== null && !/^[a-z0-9-]{1,40}$/.test(settings.hostId))
    problems.push(`BOO_HOST_ID is "${settings.hostId}", allowed are 1 to 40 of a-z, 0-9 and -`)
  try {
    parseListen(settings.natsListen)
  } catch (error) {
    if (error instanceof StartFailure) problems.push(error.message)
  }
  return problems.length === 0 ? { kind: "settings", settings } : { kind: "wrong", problems }
}

function listenOf(listen: string, port: number | null, problems: string[]): Settings["listen"] {
  const found = /^(?:\[([^\]]+)\]|([^:\s]*)):(\d{1,5})$/.exec(listen.trim())
  if (found === null || Number(found[3]) > 65_535) {
    problems.push(`BOO_LISTEN is "${listen}", allowed is host:port`)
    return { host: "127.0.0.1", port: port ?? 9503 }
  }
  return {
    host: found[1] ?? (found[2] === "" ? "0.0.0.0" : (found[2] ?? "")),
    port: port ?? Number(found[3]),
  }
}

function hidePassword(value: string): string {
  return value.replace(/\/\/([^:@/]*):[^@/]*@/, "//$1:***@")
}

/** The host id of this machine, as its sidecar would find it. */
export function hostIdOf(hostname: string): string {
  const slug = hostname
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40)
  return slug === "" ? "this-machine" : slug
}
