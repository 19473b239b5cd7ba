import * as z from "zod/mini"
import { HostId } from "@boocontrol/shared/ids"

/** One setting: what it may be, what it is without being set, and what an operator should know of it. */
export interface Setting {
  readonly schema: z.ZodMiniType<unknown, string>
  /** What is allowed, completing "is not valid: it must be …". */
  readonly allowed: string
  /** The default in words or as a value; null where there is none. */
  readonly fallback: string | null
  readonly about: string
  readonly secret?: boolean
}

const text = z.string().check(z.minLength(1))
const yesOrNo = z.enum(["1", "0", "true", "false", "yes", "no"])

function urlOf(protocols: readonly string[]) {
  return z.string().check(
    z.refine((value) => {
      const url = URL.parse(value)
      return url !== null && protocols.includes(url.protocol) && url.hostname !== ""
    }),
  )
}

const httpUrl = urlOf(["http:", "https:"])
const natsServer = urlOf(["nats:", "tls:"])
const natsServers = z
  .string()
  .check(z.refine((value) => value.split(",").every((one) => natsServer.safeParse(one.trim()).success)))

const MAX_SPOOL_MB = 1_048_576
const megabytes = z
  .string()
  .check(z.refine((value) => /^\d{1,7}$/.test(value) && Number(value) >= 1 && Number(value) <= MAX_SPOOL_MB))

/** Every setting of the sidecar, by the name it has in the environment, in `--env-file` and in the YAML file. */
export const SETTINGS = {
  BOO_HOST_ID: {
    schema: HostId,
    allowed: "1 to 40 characters of a-z, 0-9 and '-'",
    fallback: "the host name as such a slug",
    about: "Names this host in subjects, tables and the cockpit. Must differ from every other host's.",
  },
  NATS_URL: {
    schema: natsServers,
    allowed: "nats://host:port or tls://host:port, several separated by commas",
    fallback: "nats://127.0.0.1:4222",
    about: "Where the hub's NATS listens.",
  },
  NATS_CREDS: {
    schema: text,
    allowed: "the path of a .creds file",
    fallback: null,
    about: "Credentials of this host. Read again at every connection, so they can be replaced while it runs.",
  },
  LLAMA_SWAP_URL: {
    schema: httpUrl,
    allowed: "an http:// or https:// URL",
    fallback: "http://127.0.0.1:8080",
    about: "The llama-swap to watch. If it is on another machine, no local GPU or system samples are taken.",
  },
  LLAMA_SWAP_API_KEY: {
    schema: text,
    allowed: "a key of llama-swap's apiKeys",
    fallback: null,
    about: "Sent to llama-swap as a bearer token.",
    secret: true,
  },
  BOO_ADVERTISE_URL: {
    schema: httpUrl,
    allowed: "an http:// or https:// URL",
    fallback: "LLAMA_SWAP_URL; if that is loopback and NATS is not, this machine's address towards NATS",
    about: "Where the gateway reaches this host's llama-swap.",
  },
  LLAMA_SWAP_CONFIG: {
    schema: text,
    allowed: "the path of llama-swap's config file",
    fallback: null,
    about: "Lets doctor say what captureBuffer and metricsMaxInMemory put at risk.",
  },
  LLAMA_SWAP_RESTART: {
    schema: text,
    allowed: "a systemd unit, a Windows or nssm service name, or a command line",
    fallback: null,
    about: "How llama-swap is restarted.",
  },
  BOO_SSH: {
    schema: z.string().check(z.regex(/^[^@\s]+@[^@:\s]+(:\d{1,5})?$/)),
    allowed: "user@host or user@host:port",
    fallback: null,
    about: "Reach llama-swap's configuration over SSH instead of locally.",
  },
  BOO_SSH_KEY: {
    schema: text,
    allowed: "the path of a private key",
    fallback: null,
    about: "Key for BOO_SSH. It never leaves this process.",
  },
  BOO_SSH_KNOWN_HOSTS: {
    schema: text,
    allowed: "the path of a known_hosts file",
    fallback: null,
    about: "Host keys that BOO_SSH accepts.",
  },
  NVIDIA_SMI: {
    schema: text,
    allowed: "a program name or path",
    fallback: "nvidia-smi",
    about: "The nvidia-smi to read GPUs with.",
  },
  LLAMA_BENCH: {
    schema: text,
    allowed: "a program name or path",
    fallback: "llama-bench",
    about: "The llama-bench to run when asked for a raw benchmark.",
  },
  BOO_DATA_DIR: {
    schema: text,
    allowed: "the path of a folder this process may read",
    fallback: "~/.local/share/boocontrol, as root /var/lib/boocontrol, on Windows %LOCALAPPDATA%\\boocontrol",
    about: "Where `enroll` keeps settings and credentials, and where the spool is.",
  },
  BOO_SPOOL_DIR: {
    schema: text,
    allowed: "the path of a folder this process may write",
    fallback: "spool/<host id> in the data folder",
    about:
      "Keeps this installation's identity, its positions and what waits to be sent. One running sidecar per folder.",
  },
  BOO_SPOOL_MAX_MB: {
    schema: megabytes,
    allowed: `a whole number from 1 to ${MAX_SPOOL_MB}`,
    fallback: "256",
    about: "How much may wait while the hub cannot be reached. Beyond it the oldest telemetry goes first.",
  },
  BOO_SIMULATED: {
    schema: yesOrNo,
    allowed: "1, 0, true, false, yes or no",
    fallback: "0",
    about: "Labels this host as simulated in the cockpit. Changes nothing else.",
  },
} as const satisfies Record<string, Setting>

export type SettingName = keyof typeof SETTINGS
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name)
}

/** A given value as it may be shown: secrets and passwords inside URLs are masked. */
export function shownValue(name: SettingName, value: string): string {
  const setting: Setting = SETTINGS[name]
  return setting.secret === true ? "***" : value.replaceAll(/\/\/[^/@\s]+@/g, "//***@")
}

/** The text of `.env.example`: every setting, commented out, with its default. */
export function envExample(): string {
  const blocks = SETTING_NAMES.map((name) => {
    const { about, allowed, fallback }: Setting = SETTINGS[name]
    const isValue =
      fallback !== null && SETTINGS[name].schema.safeParse(fallback).success && !fallback.includes(" ")
    const lines = [`# ${about}`, `# Allowed: ${allowed}.`]
    if (!isValue) lines.push(`# Default: ${fallback ?? "none"}.`)
    return [...lines, `#${name}=${isValue ? fallback : ""}`].join("\n")
  })
  return `# Settings of the BooControl sidecar. Made from src/settings.ts: change it there.\n\n${blocks.join("\n\n")}\n`
}
