import { join } from "node:path"
import type { DemoHost } from "./demo-host.ts"
import { HUB_MEMORY } from "./hub-memory.ts"
import type { Settings, Values } from "./settings.ts"

/** How everyone reaches the two servers, embedded or not. */
export interface Reach {
  databaseUrl: string
  natsUrl: string
}

// What lets one into the hub is nobody else's business.
const HUB_ONLY = ["DATABASE_URL", "BOO_ADMIN_TOKEN", "BOO_TRUSTED_PROXY", "BOO_LISTEN", "NATS_CREDS"]
// What describes this machine would be untrue of a simulated host.
const THIS_MACHINE = [
  "BOO_ADVERTISE_URL",
  "LLAMA_SWAP_API_KEY",
  "LLAMA_SWAP_CONFIG",
  "LLAMA_SWAP_RESTART",
  "LLAMA_BENCH",
]
const REMOTE = ["BOO_SSH", "BOO_SSH_KEY", "BOO_SSH_KNOWN_HOSTS"]

export function hubEnvironment(settings: Settings, reach: Reach, creds: string | null): Values {
  const { host, port } = settings.listen
  return {
    ...HUB_MEMORY,
    ...settings.values,
    DATABASE_URL: reach.databaseUrl,
    NATS_URL: reach.natsUrl,
    BOO_DATA_DIR: settings.dataDir,
    BOO_LISTEN: `${host.includes(":") ? `[${host}]` : host}:${port}`,
    ...(creds === null ? {} : { NATS_CREDS: creds }),
  }
}

export interface SidecarIdentity {
  hostId: string
  creds: string | null
}

export function sidecarEnvironment(
  settings: Settings,
  reach: Reach,
  { hostId, creds }: SidecarIdentity,
): Values {
  return {
    ...without(settings.values, HUB_ONLY),
    NATS_URL: reach.natsUrl,
    BOO_DATA_DIR: settings.dataDir,
    BOO_HOST_ID: hostId,
    BOO_SPOOL_DIR: settings.values.BOO_SPOOL_DIR ?? spoolDir(settings, hostId),
    LLAMA_SWAP_URL: settings.llamaSwapUrl,
    ...(creds === null ? {} : { NATS_CREDS: creds }),
  }
}

export function demoSidecarEnvironment(
  settings: Settings,
  reach: Reach,
  { host, creds }: { host: DemoHost; creds: string | null },
): Values {
  return {
    ...without(sidecarEnvironment(settings, reach, { hostId: host.host_id, creds }), [
      ...THIS_MACHINE,
      ...REMOTE,
    ]),
    BOO_SPOOL_DIR: spoolDir(settings, host.host_id),
    LLAMA_SWAP_URL: host.llama_swap_url,
    NVIDIA_SMI: host.nvidia_smi,
    BOO_SIMULATED: "1",
    ...host.env,
  }
}

export function demoEnvironment(settings: Settings): Values {
  return without(settings.values, [...HUB_ONLY, ...THIS_MACHINE, ...REMOTE])
}

function spoolDir(settings: Settings, hostId: string): string {
  return join(settings.dataDir, "spool", hostId)
}

function without(values: Values, names: readonly string[]): Values {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)))
}
