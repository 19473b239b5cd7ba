import { createHash, timingSafeEqual } from "node:crypto"
import type { IncomingMessage } from "node:http"
import { BlockList, isIP } from "node:net"
import { hostname } from "node:os"
import type { FastifyInstance, FastifyRequest } from "fastify"
import { BooError } from "@boocontrol/shared/errors"
import { tokenOfProtocols } from "../platform/socket-token.ts"
import { tokenOfCookie } from "./cookie.ts"
import { judge } from "./core.ts"
import type { Actor, Asking, Verdict } from "./core.ts"
import { setSecurityHeaders } from "./headers.ts"
import type { Tokens } from "./tokens.ts"

export type { Actor } from "./core.ts"
export { sessionRoutes } from "./session.ts"
export { createTokens } from "./tokens.ts"

declare module "fastify" {
  interface FastifyRequest {
    /** Who acts; null only before access was judged. */
    actor: Actor | null
  }
}

export interface AccessOptions {
  listenHost: string
  adminToken: string | null
  trustedProxies: readonly string[]
  tokens: Pick<Tokens, "look">
}

export interface Shown {
  /** Of the route that matched, below the base path. */
  path: string
  token: string | null
  /** What the browser keeps of a sign-in. One that is no longer good is none: the page has to load to ask for another. */
  keptToken?: string | null
  hasGatewayKey?: boolean
  /** Origins that may ask for this, beside our own. */
  guests?: readonly string[]
}

/** Judges a request by its connection and headers, and by what it shows of itself. */
export type Judge = (request: IncomingMessage, shown: Shown) => Verdict

export function createJudge(options: AccessOptions): Judge {
  const proxies = rangesOf(options.trustedProxies)
  const tokenDigest = options.adminToken === null ? null : digestOf(options.adminToken)
  const rules = {
    listenHost: options.listenHost,
    machineName: hostname(),
    hasToken: tokenDigest !== null,
    hasProxies: options.trustedProxies.length > 0,
  }
  const isRight = (token: string | null): boolean =>
    token !== null && tokenDigest !== null && timingSafeEqual(digestOf(token), tokenDigest)
  const isGood = (token: string | null): boolean => isRight(token) || options.tokens.look(token)?.ok === true
  return ({ method = "GET", headers, socket }, shown) => {
    const { path, keptToken = null, hasGatewayKey = false, guests = [] } = shown
    const token = shown.token ?? (isGood(keptToken) ? keptToken : null)
    const remoteAddress = plainAddress(socket.remoteAddress)
    const asking: Asking = {
      ...{ method, path, hasGatewayKey },
      host: headers.host ?? null,
      forwardedHost: oneOf(headers["x-forwarded-host"]),
      origin: headers.origin ?? null,
      isGuestOrigin: headers.origin !== undefined && guests.includes(headers.origin),
      contentType: headers["content-type"] ?? null,
      hasBody: (headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined,
      named: options.tokens.look(token),
      tokenGiven: token !== null,
      tokenIsRight: isRight(token),
      remoteUser: oneOf(headers["remote-user"]),
      remoteGroups: oneOf(headers["remote-groups"]),
      remoteAddress,
      localAddress: plainAddress(socket.localAddress),
      fromTrustedProxy:
        rules.hasProxies &&
        isIP(remoteAddress) !== 0 &&
        proxies.check(remoteAddress, familyOf(remoteAddress)),
    }
    return judge(asking, rules)
  }
}

/** Judges every request, WebSocket upgrades included, before anything else sees it. */
export function installAccess(
  app: FastifyInstance,
  { basePath, judge }: { basePath: string; judge: Judge },
): void {
  app.decorateRequest("actor", null)
  app.addHook("onRequest", async (request, reply) => {
    const verdict = judge(request.raw, {
      // The route that matched, not the text that was sent: %61pi is api too.
      path: pathBelow(basePath, request.routeOptions.url ?? request.url),
      token: tokenOf(request),
      keptToken: tokenOfCookie(request.headers.cookie),
    })
    if (!verdict.ok) {
      // The connection of a refused upgrade is of no further use: whoever keeps connections must not keep this one.
      if (request.headers.upgrade !== undefined) reply.header("connection", "close")
      throw new BooError(verdict.code, verdict.details)
    }
    request.actor = verdict.actor
  })
  app.addHook("onSend", async (_request, reply) => setSecurityHeaders(reply))
}

function tokenOf({ headers }: FastifyRequest): string | null {
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? "")
  return bearer?.[1] ?? tokenOfProtocols(headers["sec-websocket-protocol"])
}

// Equal lengths for the comparison, whatever was given.
function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest()
}

function rangesOf(cidrs: readonly string[]): BlockList {
  const ranges = new BlockList()
  for (const cidr of cidrs) {
    const [address = "", bits] = cidr.split("/")
    if (bits === undefined) ranges.addAddress(address, familyOf(address))
    else ranges.addSubnet(address, Number(bits), familyOf(address))
  }
  return ranges
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4"
}

/** An IPv4 peer of a socket that speaks both families is `::ffff:10.0.0.1`. */
function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "")
}

function oneOf(header: string | string[] | undefined): string | null {
  const value = Array.isArray(header) ? header.join(",") : header
  return value === undefined ? null : value
}

function pathBelow(basePath: string, url: string): string {
  const path = url.split("?", 1)[0] ?? ""
  if (basePath === "/") return path
  return path === basePath || path.startsWith(`${basePath}/`) ? path.slice(basePath.length) || "/" : path
}
