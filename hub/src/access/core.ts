import * as z from "zod/mini"
import type { ErrorCode, ErrorDetails } from "@boocontrol/shared/errors"

/** `read` looks at everything and changes nothing. */
export const Role = z.enum(["admin", "read"])
export type Role = z.infer<typeof Role>

/** A token that was made here, and what is wrong with it where something is. */
export type NamedToken = { ok: true; label: string; role: Role } | { ok: false; problem: string }

/** What is known of a request before anything of it is believed. */
export interface Asking {
  readonly method: string
  /** Pattern of the route that matched, without the base path. */
  readonly path: string
  readonly host: string | null
  readonly forwardedHost: string | null
  readonly origin: string | null
  /** An operator lets pages of this origin use what is asked for: the gateway, and nothing else. */
  readonly isGuestOrigin?: boolean
  readonly contentType: string | null
  readonly hasBody: boolean
  /** From `Authorization: Bearer`, the protocols of a WebSocket, or, where it is good, from the browser's cookie. */
  readonly tokenGiven: boolean
  readonly tokenIsRight: boolean
  /** It looks like a token of a person or a program. */
  readonly named?: NamedToken | null
  /** A gateway key that is valid was given: who has one needs no token, and may use the gateway only. */
  readonly hasGatewayKey?: boolean
  readonly remoteUser: string | null
  readonly remoteGroups: string | null
  readonly remoteAddress: string
  /** The address of ours that this connection came in on. */
  readonly localAddress: string
  readonly fromTrustedProxy: boolean
}

export interface AccessRules {
  readonly listenHost: string
  readonly machineName: string
  readonly hasToken: boolean
  readonly hasProxies: boolean
}

/** Who acts: the person at this machine, whoever has the token, or whom the proxy names. */
export type Actor =
  | { kind: "local" }
  | { kind: "administrator" }
  | { kind: "person"; name: string; groups: readonly string[] }
  /** Whoever has the token of this label. */
  | { kind: "token"; name: string; role: Role }
  /** Nobody in particular: allowed where nothing is told and nothing can be changed. */
  | { kind: "anyone" }

export type Verdict = { ok: true; actor: Actor } | { ok: false; code: ErrorCode; details: ErrorDetails }

const WRITES = new Set(["POST", "PUT", "PATCH", "DELETE"])
/** Ask by POST, since what they ask about is long, and change nothing. */
const READS_BY_POST = new Set(
  ["explain", "resolve", "replay", "policies/check"].map((asked) => `/api/control/routing/${asked}`),
)
/** Signing in and out, which changes nothing but the browser. */
export const SESSION_PATH = "/api/control/session"
const LOOPBACK_NAMES = new Set(["localhost", "127.0.0.1", "::1"])

/**
 * 1. Only the proxy may say who somebody is.
 * 2. The Host must be an address of this hub: a name that somebody else lets point here is no way in.
 * 3. A page of another origin may not speak for whoever looks at it, unless it is a guest of the gateway.
 * 4. A write is JSON, which no form of another origin can send.
 * 5. Who may act: with a token or a proxy set, nobody without one; without either, only loopback is listened on.
 */
export function judge(asking: Asking, rules: AccessRules): Verdict {
  const claimed = asking.remoteUser !== null ? "Remote-User" : "Remote-Groups"
  const claims = asking.remoteUser !== null || asking.remoteGroups !== null
  if (claims && !asking.fromTrustedProxy) {
    return no("PROXY_HEADER_REFUSED", { header: claimed, address: asking.remoteAddress })
  }
  if (!asking.fromTrustedProxy && !isOwnAddress(asking, rules)) {
    return no("HOST_REFUSED", { host: asking.host ?? "none" })
  }
  if (asking.origin !== null && asking.isGuestOrigin !== true && !isOwnOrigin(asking))
    return no("ORIGIN_REFUSED", { origin: asking.origin })
  if (isApi(asking.path) && WRITES.has(asking.method) && !isJson(asking)) {
    return no("JSON_REQUIRED", { contentType: asking.contentType ?? "none" })
  }
  return whoActs(asking, rules)
}

function whoActs(asking: Asking, rules: AccessRules): Verdict {
  if (asking.hasGatewayKey === true) return yes({ kind: "anyone" })
  if (asking.named) return namedActs(asking.named, asking)
  if (asking.tokenGiven && rules.hasToken) {
    return asking.tokenIsRight ? yes({ kind: "administrator" }) : no("UNAUTHORIZED", {})
  }
  if (asking.remoteUser !== null) {
    const groups = (asking.remoteGroups ?? "").split(",").map((group) => group.trim())
    return yes({ kind: "person", name: asking.remoteUser, groups: groups.filter((group) => group !== "") })
  }
  if (!rules.hasToken && !rules.hasProxies) return yes({ kind: "local" })
  return isOpen(asking) ? yes({ kind: "anyone" }) : no("UNAUTHORIZED", {})
}

function namedActs(named: NamedToken, { method, path }: Asking): Verdict {
  if (!named.ok) return no("TOKEN_REFUSED", { problem: named.problem })
  const { label, role } = named
  if (role === "read" && WRITES.has(method) && path !== SESSION_PATH && !READS_BY_POST.has(path)) {
    return no("READ_ONLY_TOKEN", { label, method, path })
  }
  return yes({ kind: "token", name: label, role })
}

/** A machine that is to be enrolled has its one-time token and nothing else. */
const ENROLS = "/api/control/enroll"

/** The cockpit's files and the API's description hold nothing of the fleet, and must load to ask for the token. */
function isOpen({ method, path }: Asking): boolean {
  if ((method === "POST" && path === ENROLS) || path === SESSION_PATH) return true
  if (method !== "GET" && method !== "HEAD") return false
  if (path === "/api/health" || isUnder(path, "/api/docs")) return true
  return !(isApi(path) || isUnder(path, "/metrics") || isUnder(path, "/v1"))
}

function isApi(path: string): boolean {
  return isUnder(path, "/api")
}

function isUnder(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

function isOwnAddress({ host, localAddress }: Asking, rules: AccessRules): boolean {
  const name = hostnameOf(host)
  if (name === null) return false
  if (LOOPBACK_NAMES.has(name) || name === rules.listenHost.toLowerCase()) return true
  // Who listens on all addresses is reached by each of them, and by the machine's own name.
  return name === localAddress || name === rules.machineName.toLowerCase()
}

function isOwnOrigin({ origin, host, forwardedHost, fromTrustedProxy }: Asking): boolean {
  if (origin === null || !URL.canParse(origin)) return false
  const { host: from, protocol } = new URL(origin)
  const served = [host, ...(fromTrustedProxy ? [forwardedHost] : [])]
  return served.some((name) => name !== null && from === withoutDefaultPort(name, protocol))
}

/** As a browser writes it in Origin. */
function withoutDefaultPort(host: string, protocol: string): string | null {
  const address = `${protocol}//${host}`
  return URL.canParse(address) ? new URL(address).host : null
}

/** `[::1]:9503` to `::1`, in lower case, without the dot a full name may end in. */
/** The same few names come with every request, and an address is expensive to read. */
const hostnames = new Map<string, string | null>()
const MOST_HOSTNAMES = 200

function hostnameOf(host: string | null): string | null {
  const known = host === null ? null : hostnames.get(host)
  if (known !== undefined) return known
  const name = hostnameIn(host)
  if (host !== null && host.length < 300 && hostnames.size < MOST_HOSTNAMES) hostnames.set(host, name)
  return name
}

function hostnameIn(host: string | null): string | null {
  const address = `http://${host ?? ""}`
  if (host === null || !URL.canParse(address)) return null
  return new URL(address).hostname.replaceAll(/[[\]]/g, "").replace(/\.$/, "").toLowerCase()
}

function isJson({ method, contentType, hasBody }: Asking): boolean {
  // No page can send a DELETE to another origin unasked, with or without a body.
  if (method === "DELETE" && !hasBody) return true
  return /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i.test(contentType ?? "")
}

function yes(actor: Actor): Verdict {
  return { ok: true, actor }
}

function no(code: ErrorCode, details: ErrorDetails): Verdict {
  return { ok: false, code, details }
}
