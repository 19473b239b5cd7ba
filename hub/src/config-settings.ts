import { isIP } from "node:net"
import * as z from "zod"
import { LOG_LEVELS } from "./platform/log.ts"

const STARTED_BY =
  "`npm start` in the project's folder starts one and the hub with it; a hub started by hand needs the address of yours"

// Every schema takes the text as given, or null where nothing is given.

function orDefault<T>(fallback: () => T, schema: z.ZodType<T, string>) {
  return z.nullable(z.string()).transform((given, context): T => {
    if (given === null) return fallback()
    const parsed = schema.safeParse(given)
    if (parsed.success) return parsed.data
    context.addIssue("not allowed")
    return z.NEVER
  })
}

function wholeNumber(fallback: number, min: number, max: number) {
  const number = z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max))
  return orDefault(() => fallback, number)
}

function oneOf<const T extends readonly [string, ...string[]]>(values: T, fallback: T[number]) {
  return orDefault<T[number]>(() => fallback, z.enum(values))
}

function list<T>(item: z.ZodType<T, string>) {
  const items = z.string().transform((text) => text.split(",").map((part) => part.trim()))
  return orDefault<T[]>(() => [], items.pipe(z.array(item)))
}

const optionalText = orDefault<string | null>(() => null, z.string())

function urlOf(...protocols: string[]) {
  return z
    .string()
    .refine((text) => text.split(",").every((part) => protocols.some((p) => isUrl(part.trim(), p))))
}

function isUrl(text: string, protocol: string): boolean {
  // Several Postgres hosts in one URL are no URL to the platform: only the protocol and a rest are asked for.
  return text.startsWith(`${protocol}://`) && text.length > protocol.length + 3
}

export const Listen = z.string().transform((text, context) => {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3] ?? -1)
  if (!match || port < 0 || port > 65_535) {
    context.addIssue("host:port")
    return z.NEVER
  }
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port }
})

function isCidr(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/")
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}

const POLICIES = ["off", "errors", "all"] as const
const CapturePolicyText = z.string().transform((text, context) => {
  const bySource: Record<string, (typeof POLICIES)[number]> = {}
  let everywhere: (typeof POLICIES)[number] = "errors"
  for (const part of text.split(",").map((piece) => piece.trim())) {
    const match = /^(?:([a-z0-9-]{1,40})=)?(off|errors|all)$/.exec(part)
    const policy = POLICIES.find((known) => known === match?.[2])
    if (!policy) {
      context.addIssue("policy")
      return z.NEVER
    }
    if (match?.[1] === undefined) everywhere = policy
    else bySource[match[1]] = policy
  }
  return { everywhere, bySource }
})

const basePath = z
  .string()
  .regex(/^\/([A-Za-z0-9._~-]+\/?)*$/)
  .transform((text) => (text === "/" ? "/" : text.replace(/\/$/, "")))

const days = "a whole number of days from 1 to 36500"
const megabytes = "a whole number of megabytes from 1 to 1000000"
const policies = "off, errors or all, and source=policy for single sources, separated by commas"

/** Every setting once: how its text is read, what is allowed, what it means, and what `.env.example` shows. */
export const SETTINGS = {
  DATABASE_URL: {
    schema: urlOf("postgres", "postgresql"),
    missing: `the hub keeps its memory in Postgres. ${STARTED_BY}`,
    allowed: "postgres://user:password@host:port/database",
    meaning: "Postgres of the hub. Not set: `npm start` runs one in the data folder.",
    example: "postgres://boocontrol@127.0.0.1:5432/boocontrol",
    secret: true,
  },
  BOO_WAIT_FOR_TABLES: {
    schema: list(z.string().regex(/^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?$/)),
    allowed: "table names, also schema.table, separated by commas",
    meaning: "Tables of a shared database to wait for before the start.",
    example: "",
  },
  BOO_WAIT_TIMEOUT_S: {
    schema: wholeNumber(30, 1, 86_400),
    allowed: "a whole number of seconds from 1 to 86400",
    meaning: "How long to wait for these tables.",
    example: "30",
  },
  NATS_URL: {
    schema: urlOf("nats", "tls", "ws", "wss"),
    missing: `the hub hears its hosts over NATS. ${STARTED_BY}`,
    allowed: "nats://host:port, several separated by commas",
    meaning: "NATS of the hub, with JetStream. Not set: `npm start` runs a nats-server.",
    example: "nats://127.0.0.1:4222",
    secret: true,
  },
  NATS_CREDS: {
    schema: optionalText,
    allowed: "path of a credentials file",
    meaning: "Who the hub is on NATS.",
    example: "",
  },
  BOO_NATS_LISTEN: {
    schema: optionalText,
    allowed: "host, host:port or :port",
    meaning:
      "Where the nats-server of `npm start` listens. Not set: loopback and a free port. The hub itself ignores it.",
    example: "0.0.0.0:4222",
  },
  BOO_DATA_DIR: {
    schema: optionalText,
    allowed: "a folder",
    meaning:
      "Embedded data, keys and caches. Default: ~/.local/share/boocontrol, as root /var/lib/boocontrol.",
    example: "",
  },
  BOO_LISTEN: {
    schema: orDefault(() => ({ host: "127.0.0.1", port: 9503 }), Listen),
    allowed: "host:port, e.g. 127.0.0.1:9503 or [::1]:9503",
    meaning:
      "Where the hub listens. An address that other machines reach needs BOO_ADMIN_TOKEN or BOO_TRUSTED_PROXY.",
    example: "127.0.0.1:9503",
  },
  BOO_BASE_PATH: {
    schema: orDefault(() => "/", basePath),
    allowed: "a path such as / or /control",
    meaning: "Path below which everything is served.",
    example: "/",
  },
  BOO_ADMIN_TOKEN: {
    schema: orDefault<string | null>(() => null, z.string().min(16).regex(/^\S+$/)),
    allowed: "at least 16 characters without spaces",
    meaning: "Bearer token of the first administrator.",
    example: "",
    secret: true,
  },
  BOO_TRUSTED_PROXY: {
    schema: list(z.string().refine(isCidr)),
    allowed: "addresses or CIDR ranges such as 10.0.0.0/8, separated by commas",
    meaning: "Reverse proxies whose Remote-User and Remote-Groups headers are believed.",
    example: "",
  },
  BOO_GATEWAY_ORIGINS: {
    schema: list(z.string().refine(isOrigin)),
    allowed: "origins as browsers send them, e.g. https://chat.example.org, separated by commas",
    meaning:
      "Pages of other addresses whose scripts may use the gateway; keys are asked of them as of anybody. Not the API or the cockpit.",
    example: "",
  },
  CAPTURE_POLICY: {
    schema: orDefault(() => ({ everywhere: "errors" as const, bySource: {} }), CapturePolicyText),
    allowed: policies,
    meaning: "Which requests are kept with their bodies, e.g. errors,playground=all.",
    example: "errors",
  },
  CAPTURE_MAX_KB: {
    schema: wholeNumber(256, 1, 1_000_000),
    allowed: "a whole number of kilobytes from 1 to 1000000",
    meaning: "Largest stored capture.",
    example: "256",
  },
  CAPTURE_BUDGET_MB: {
    schema: wholeNumber(50, 1, 1_000_000),
    allowed: megabytes,
    meaning: "All stored captures together.",
    example: "50",
  },
  RETAIN_PERF_RAW_DAYS: {
    schema: wholeNumber(7, 1, 36_500),
    allowed: days,
    meaning: "How long 1 s samples are kept.",
    example: "7",
  },
  RETAIN_PERF_10S_DAYS: {
    schema: wholeNumber(14, 1, 36_500),
    allowed: days,
    meaning: "How long 10 s aggregates are kept.",
    example: "14",
  },
  RETAIN_PERF_1M_DAYS: {
    schema: wholeNumber(400, 1, 36_500),
    allowed: days,
    meaning: "How long 1 min aggregates are kept.",
    example: "400",
  },
  RETAIN_PERF_5M_DAYS: {
    schema: wholeNumber(400, 1, 36_500),
    allowed: days,
    meaning: "How long 5 min aggregates are kept.",
    example: "400",
  },
  RETAIN_PERF_1H_DAYS: {
    schema: wholeNumber(3650, 1, 36_500),
    allowed: days,
    meaning: "How long 1 h aggregates are kept.",
    example: "3650",
  },
  PACK_AFTER_HOURS: {
    schema: wholeNumber(24, 6, 87_600),
    allowed: "a whole number of hours from 6 to 87600",
    meaning:
      "Age at which samples and aggregates are packed, and how long nothing may have come to their hour.",
    example: "24",
  },
  RETAIN_ACTIVITY_DAYS: {
    schema: wholeNumber(90, 1, 36_500),
    allowed: days,
    meaning: "How long request rows are kept.",
    example: "90",
  },
  RETAIN_EVENTS_DAYS: {
    schema: wholeNumber(400, 1, 36_500),
    allowed: days,
    meaning: "How long model events and notes are kept.",
    example: "400",
  },
  BOO_EVENTS_MAX_MB: {
    schema: wholeNumber(1024, 1, 1_000_000),
    allowed: megabytes,
    meaning:
      "Size of the stream BOO_EVENTS. A full stream refuses new messages: they wait in the hosts' spools.",
    example: "1024",
  },
  BOO_EVENTS_MAX_AGE_H: {
    schema: wholeNumber(168, 1, 87_600),
    allowed: "a whole number of hours from 1 to 87600",
    meaning: "Age at which a message leaves the stream BOO_EVENTS, stored or not.",
    example: "168",
  },
  BOO_PERF_MAX_MB: {
    schema: wholeNumber(1024, 1, 1_000_000),
    allowed: megabytes,
    meaning: "Size of the stream BOO_PERF.",
    example: "1024",
  },
  BOO_PERF_MAX_AGE_H: {
    schema: wholeNumber(72, 1, 87_600),
    allowed: "a whole number of hours from 1 to 87600",
    meaning: "Age at which a message leaves the stream BOO_PERF, stored or not.",
    example: "72",
  },
  SANDBOX_ENGINE: {
    schema: oneOf(["auto", "docker", "podman", "bwrap", "none"], "auto"),
    allowed: "auto, docker, podman, bwrap or none",
    meaning: "What runs code that a model wrote.",
    example: "auto",
  },
  BOO_LOG_LEVEL: {
    schema: oneOf(LOG_LEVELS, "info"),
    allowed: LOG_LEVELS.join(", "),
    meaning: "How much the hub says.",
    example: "info",
  },
  BOO_LIFELINE: {
    schema: oneOf(["0", "1"], "0"),
    allowed: "0 or 1",
    meaning: "1: end when standard input closes, so that a hub never outlives what started it.",
    example: "0",
  },
  BOO_LOG_FORMAT: {
    schema: orDefault<"json" | "pretty">(
      () => (process.stdout.isTTY ? "pretty" : "json"),
      z.enum(["json", "pretty"]),
    ),
    allowed: "json or pretty",
    meaning: "Default: pretty on a terminal, json elsewhere.",
    example: "json",
  },
} as const
export type SettingName = keyof typeof SETTINGS
