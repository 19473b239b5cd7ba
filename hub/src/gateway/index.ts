import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { FastifyInstance } from "fastify"
import { sleep } from "../platform/clock.ts"
import type { Clock } from "../platform/clock.ts"
import { Roster } from "../platform/roster.ts"
import { Answer } from "./answer.ts"
import type { AnswerFacts } from "./answer.ts"
import { Ask } from "./ask.ts"
import { createBodyDesk } from "./body.ts"
import type { ReadBody } from "./body.ts"
import type { FedBreakers } from "./breakers.ts"
import { allowHeader, endpointOf } from "./core/endpoints.ts"
import { preflightHeaders, standingHeaders } from "./core/cross-origin.ts"
import type { Endpoint, Forward } from "./core/endpoints.ts"
import { isProblem, problems } from "./core/errors.ts"
import { createDoor } from "./door.ts"
import type { AccessPort } from "./door.ts"
import { Exchange } from "./exchange.ts"
import type { ExchangeEnd } from "./exchange.ts"
import { createListing } from "./listing.ts"
import type { Reservation } from "./keys.ts"
import { createPools } from "./pools.ts"
import type { FleetPort, LeasesPort, RoutingPort } from "./ports.ts"
import { gatewayRoutes } from "./routes.ts"
import type { Keys } from "./run.ts"
import { spentOf } from "./spent.ts"

export { createBreakers } from "./breakers.ts"
export type { Breakers, FedBreakers } from "./breakers.ts"
export type { ExchangeEnd } from "./exchange.ts"
export { createKeys } from "./run.ts"

export interface GatewayOptions {
  clock: Clock
  /** `/` or `/control`. */
  basePath: string
  routing: RoutingPort
  fleet: FleetPort
  breakers: FedBreakers
  access: AccessPort
  /** Null where there are no keys to ask for. */
  keys: Keys | null
  leases: LeasesPort
  /** Told of every request, once, when it is over. Must not wait. */
  ended?: (end: ExchangeEnd) => void
}

export interface Gateway {
  /** Takes the request if it is the gateway's: then nobody else may touch it. */
  takes(request: IncomingMessage, response: ServerResponse): boolean
  /** `/keys`; to be registered below `/api/control`. */
  routes: (app: FastifyInstance) => Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

const TICK_MS = 100
const LINGER_MS = 3_000
/** What is being answered when the hub ends gets so long to be finished. */
const DRAIN_MS = 5_000

/** The data plane: requests come in raw, go to whom `routing` names, and answers go back byte for byte. */
export function createGateway(options: GatewayOptions): Gateway {
  const { clock, routing, breakers, ended, keys, leases } = options
  const now = (): number => clock.now()
  const base = options.basePath === "/" ? "" : options.basePath
  const pools = createPools()
  const bodies = createBodyDesk(now)
  const door = createDoor(options.access, keys?.ring ?? null)
  const listing = createListing({ fleet: options.fleet, routing, now })
  const running = new Roster<Exchange>()
  let endTicks: (() => void) | null = null

  /**
   * What still comes of a body that nobody wants is let fall, so that the client gets to read the answer and its connection
   * serves its next request; who goes on sending is cut off.
   */
  const letFall = (request: IncomingMessage): void => {
    if (request.complete || request.destroyed) return
    request.on("error", () => undefined)
    request.resume()
    const cancel = clock.setTimeout(() => request.destroy(), LINGER_MS)
    request.once("close", cancel)
  }
  const turnAway = (request: IncomingMessage, answer: () => void): void => {
    answer()
    letFall(request)
  }

  /** Says which lease is no longer the client's, or null: at once but for a lease that is not known here. */
  const ifNotStale = (lease: Ask["lease"], then: (stale: string | null) => void): void => {
    if (lease === null || lease.token === null) return then(null)
    const { id, token } = lease
    const stale = leases.isStale({ id, token })
    if (typeof stale === "boolean") return then(stale ? id : null)
    void stale.then((known) => then(known ? id : null))
  }

  const answerTo = (
    { method, headers }: IncomingMessage,
    response: ServerResponse,
    { api, kind, requestId }: Pick<AnswerFacts, "api" | "kind" | "requestId">,
  ): Answer => {
    const standing = standingHeaders({ method, origin: headers.origin })
    return new Answer({ response, api, kind, requestId, standing })
  }

  const forward = (endpoint: Forward, request: IncomingMessage, response: ServerResponse): void => {
    const startedMs = now()
    const requestId = randomUUID()
    const answer = answerTo(request, response, { ...endpoint, requestId })
    const entry = door.enter(request)
    if (isProblem(entry)) return turnAway(request, () => answer.refuse(entry))
    const { source, key } = entry
    let exchange: Exchange | null = null
    const begin = (ask: Ask, body: ReadBody): void => {
      const reservation = key?.begin(ask) ?? null
      if (reservation !== null && isProblem(reservation))
        return turnAway(request, () => answer.refuse(reservation))
      const begun = new Exchange(
        {
          ...{ routing, pools, breakers, now },
          ended(end) {
            running.remove(begun)
            letFall(request)
            if (reservation !== null) settle(reservation, end)
            ended?.(end)
          },
        },
        { request, answer, ask, body, endpoint, startedMs },
      )
      exchange = begun
      running.add(begun)
      begun.start()
    }
    const { path, upstream } = endpoint
    bodies.read(request, { path, upstream, isWhole: key?.needsWholeBody ?? false }, (body) => {
      if (isProblem(body)) return turnAway(request, () => answer.refuse(body))
      response.once("close", body.release)
      const keyLabel = key?.label ?? null
      const ask = new Ask({ requestId, endpoint, source, keyLabel, request, body })
      ifNotStale(ask.lease, (stale) => {
        if (stale !== null) turnAway(request, () => answer.refuse(problems.staleLease(stale)))
        else if (!response.destroyed) begin(ask, body)
      })
    })
    response.on("close", () => {
      if (response.writableFinished) return
      exchange?.left()
    })
  }

  const settle = (reservation: Reservation, end: ExchangeEnd): void =>
    reservation.settle({ ...spentOf(end), atMs: now() })

  const serve = (endpoint: Endpoint, request: IncomingMessage, response: ServerResponse): void => {
    if (endpoint.does === "forward") return forward(endpoint, request, response)
    if (endpoint.does === "preflight") {
      request.resume()
      return void response.writeHead(204, preflightHeaders(endpoint.allowed, request.headers)).end()
    }
    // Its clients ask for models at the very path of OpenAI's, and say whose words they want by this header.
    const api = request.headers["anthropic-version"] === undefined ? endpoint.api : "anthropic"
    const answer = answerTo(request, response, { api, kind: "other", requestId: randomUUID() })
    const entry = door.enter(request)
    request.resume()
    if (isProblem(entry)) return answer.refuse(entry)
    if (endpoint.does === "refuse") {
      const { path, allowed } = endpoint
      return answer.refuse(
        problems.notServed(request.method ?? "", path.split("?", 1)[0] ?? "", allowed),
        allowed === null ? [] : ["allow", allowHeader(allowed)],
      )
    }
    const reply =
      endpoint.does === "models"
        ? listing.models({ ...endpoint, api }, entry.key)
        : listing.props(endpoint.model, entry.key)
    if (isProblem(reply)) return answer.refuse(reply)
    const body = Buffer.from(JSON.stringify(reply))
    answer.begin(200, ["content-type", "application/json", "content-length", String(body.length)], false)
    answer.end(request.method === "HEAD" ? undefined : body)
  }

  return {
    takes(request, response) {
      const url = request.url ?? ""
      if (base !== "" && !url.startsWith(`${base}/`)) return false
      const endpoint = endpointOf(request.method ?? "GET", base === "" ? url : url.slice(base.length))
      if (endpoint === null) return false
      serve(endpoint, request, response)
      return true
    },
    routes: keys === null ? async () => undefined : gatewayRoutes(keys.ring),
    async start() {
      await keys?.start()
      endTicks ??= clock.every(TICK_MS, () => {
        const nowMs = now()
        bodies.tick(nowMs)
        for (const exchange of running.now()) exchange.tick(nowMs)
      })
    },
    async stop() {
      endTicks?.()
      endTicks = null
      for (let waitedMs = 0; running.size > 0 && waitedMs < DRAIN_MS; waitedMs += TICK_MS)
        await sleep(clock, TICK_MS)
      for (const exchange of running.now()) exchange.stop()
      await pools.close()
      await keys?.stop()
    },
  }
}
