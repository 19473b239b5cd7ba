import { createHash, randomBytes } from "node:crypto"
import { hostname } from "node:os"
import * as z from "zod/mini"
import type { Enrolment } from "@boocontrol/shared/hosts"
import { HostId } from "@boocontrol/shared/ids"
import { Instant } from "@boocontrol/shared/time"
import type { Sql } from "../platform/postgres.ts"
import type { HostCredentials } from "./credentials.ts"

/** Ours begin so. */
const PREFIX = "booe_"
/** Long enough to walk over to the machine; a line that stays in a chat or a shell's history is worth nothing after it. */
const GOOD_FOR_H = 24

export type Exchanged = { ok: true; host: HostId } | { ok: false; problem: string }

export interface Enrolments {
  /** A one-time token for this host. */
  make(host: HostId): Promise<{ token: string; expiresAt: Instant }>
  /** Whose token it is, as long as it can be used. */
  look(token: string): Promise<Exchanged>
  /** Uses it up; only one of several who try at once gets it. */
  use(token: string, from: string): Promise<Exchanged>
}

const Row = z.object({ provider_id: HostId, used: z.boolean(), expired: z.boolean() })
const Made = z.object({ expires_at: Instant })

export function createEnrolments(sql: Sql): Enrolments {
  const look = async (token: string): Promise<Exchanged> => {
    const [found] = await sql`
      select provider_id, used_at is not null as used, expires_at <= clock_timestamp() as expired
      from host_enrolments where token_hash = ${hashOf(token)}`
    if (!found) return { ok: false, problem: "is not known here" }
    const { provider_id: host, used, expired } = Row.parse(found)
    if (used) return { ok: false, problem: `for ${host} was used already` }
    return expired ? { ok: false, problem: `for ${host} has expired` } : { ok: true, host }
  }
  return {
    look,
    async make(host) {
      const token = `${PREFIX}${randomBytes(32).toString("base64url")}`
      const [row] = await sql`
        insert into host_enrolments (token_hash, provider_id, expires_at)
        values (${hashOf(token)}, ${host}, clock_timestamp() + make_interval(hours => ${GOOD_FOR_H}))
        returning expires_at`
      return { token, expiresAt: Made.parse(row).expires_at }
    },
    async use(token, from) {
      const [row] = await sql`
        update host_enrolments set used_at = clock_timestamp(), used_from = ${from}
        where token_hash = ${hashOf(token)} and used_at is null and expires_at > clock_timestamp()
        returning provider_id`
      return row ? { ok: true, host: HostId.parse(row["provider_id"]) } : look(token)
    },
  }
}

export interface EnrolmentHow {
  enrolments: Enrolments
  credentials: HostCredentials
  natsUrl: string
  /** Where the machine reaches this hub, base path included. */
  hubUrl: string
}

/** A new way for a machine to become this host. */
export async function offerEnrolment(host: HostId, how: EnrolmentHow): Promise<Enrolment> {
  const credsFile = await how.credentials.of(host)
  const { token, expiresAt } = await how.enrolments.make(host)
  const natsUrl = withoutSecrets(how.natsUrl)
  const creds = credsFile === null ? "" : ` NATS_CREDS=./${host}.creds`
  return {
    command: `boocontrol-sidecar enroll --hub ${how.hubUrl} --token ${token} && boocontrol-sidecar run`,
    expires_at: expiresAt,
    run_command: `BOO_HOST_ID=${host} NATS_URL=${natsUrl}${creds} boocontrol-sidecar run`,
    creds_file: credsFile,
    nats_url: natsUrl,
  }
}

/** Where this hub is reached by its own settings: for who is not asking over HTTP. */
export function hubUrlOf({ listen, basePath }: { listen: { host: string; port: number }; basePath: string }) {
  const isEverywhere = listen.host === "0.0.0.0" || listen.host === "::"
  const name = isEverywhere ? hostname() : listen.host.includes(":") ? `[${listen.host}]` : listen.host
  return `http://${name}:${listen.port}${basePath === "/" ? "" : basePath}`
}

/**
 * NATS as a machine elsewhere reaches it: an address of loopback is that of the hub's machine, so it goes by the name by
 * which the machine has reached the hub.
 */
export function natsUrlFrom(natsUrl: string, hubName: string): string {
  const servers = withoutSecrets(natsUrl).split(",")
  return servers.map((server) => server.trim().replace(LOOPBACK, `$1${hubName}`)).join(",")
}

const LOOPBACK = /^(\w+:\/\/)(?:localhost|127(?:\.\d+){3}|\[::1\])(?=[:/]|$)/i

function withoutSecrets(natsUrl: string): string {
  return natsUrl.replaceAll(/\/\/[^@/,]*@/g, "//")
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest()
}
