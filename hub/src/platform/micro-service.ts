import { randomUUID } from "node:crypto"
import { errors, headers } from "@nats-io/transport-node"
import type { Msg, Subscription } from "@nats-io/transport-node"
import { BooError, toNatsError } from "@boocontrol/shared/errors"
import { subjects } from "@boocontrol/shared/subjects"
import type { RpcName } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import type { Clock } from "./clock.ts"
import { foreignError } from "./foreign-errors.ts"
import type { Log } from "./log.ts"
import type { NatsConnection } from "./nats.ts"

/** What other tools may ask. */
export interface RpcEndpoint {
  readonly name: RpcName
  readonly summary: string
  /** `asked` is the parsed JSON of the request, or null where there is none. `signal`: this hub ends. */
  answer(asked: unknown, signal: AbortSignal): Promise<unknown>
  /** Nobody was there to hear the answer. */
  unheard?(answer: unknown): Promise<void>
}

export interface MicroServiceOptions {
  nc: NatsConnection
  clock: Clock
  log: Log
  version: string
  endpoints: readonly RpcEndpoint[]
}

export interface MicroService {
  start(): void
  stop(): Promise<void>
}

const NAME = "boocontrol"
const DESCRIPTION = "One cockpit for a fleet of llama-swap hosts: live state and leases"
/** Several hubs share the work: each request goes to one of them. */
const QUEUE = "q"
/** A caller that is there has its answer by then; what the server says of one that is not comes much sooner. */
const HEARD_WITHIN_MS = 1_000

interface Figures {
  num_requests: number
  num_errors: number
  last_error: string
  processing_ms: number
}

/** A NATS micro service: it is found, described and counted by `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`. */
export function createMicroService(options: MicroServiceOptions): MicroService {
  const { nc, clock, version, endpoints } = options
  const log = options.log.child({ part: "rpc" })
  const id = randomUUID()
  const identity = { name: NAME, id, version, metadata: {} }
  const figures = new Map<RpcName, Figures>()
  const stopping = new AbortController()
  const running = new Set<Promise<void>>()
  let subscriptions: Subscription[] = []
  let startedMs = clock.now()

  const figuresOf = (name: RpcName): Figures => {
    const known = figures.get(name) ?? { num_requests: 0, num_errors: 0, last_error: "", processing_ms: 0 }
    figures.set(name, known)
    return known
  }

  const described = endpoints.map(({ name, summary }) => ({
    ...{ name: name.replaceAll(".", "-"), subject: subjects.rpc(name), queue_group: QUEUE },
    metadata: { summary },
  }))

  const about = {
    PING: () => ({ type: "io.nats.micro.v1.ping_response", ...identity }),
    INFO: () => ({
      ...{ type: "io.nats.micro.v1.info_response", ...identity },
      ...{ description: DESCRIPTION, endpoints: described },
    }),
    STATS: () => ({
      ...{ type: "io.nats.micro.v1.stats_response", ...identity, started: instantOf(startedMs) },
      endpoints: described.map((endpoint, index) => {
        const { processing_ms, ...counted } = figuresOf(endpoints[index]?.name ?? "fleet.get")
        const total = Math.round(processing_ms * 1e6)
        const average = counted.num_requests > 0 ? Math.round(total / counted.num_requests) : 0
        return { ...endpoint, ...counted, processing_time: total, average_processing_time: average }
      }),
    }),
  }

  const reply = async (endpoint: RpcEndpoint, message: Msg, answer: unknown): Promise<void> => {
    const text = JSON.stringify(answer)
    if (!endpoint.unheard || !message.reply) return void message.respond(text)
    try {
      // Sent as a question, it comes back at once where nobody listens for it.
      await nc.request(message.reply, text, { timeout: HEARD_WITHIN_MS })
    } catch (error) {
      const isUnheard =
        error instanceof errors.NoRespondersError ||
        (error instanceof errors.RequestError && error.isNoResponders())
      if (isUnheard) await endpoint.unheard(answer)
    }
  }

  const serve = async (endpoint: RpcEndpoint, message: Msg): Promise<void> => {
    const counted = figuresOf(endpoint.name)
    const beganMs = clock.now()
    counted.num_requests += 1
    try {
      await reply(endpoint, message, await endpoint.answer(askedOf(message), stopping.signal))
    } catch (thrown) {
      const error = ours(thrown)
      if (error.code === "INTERNAL") log.error({ err: thrown, rpc: endpoint.name }, "a request failed")
      counted.num_errors += 1
      counted.last_error = error.message
      message.respond(JSON.stringify({ ...toNatsError(error), details: error.details }), {
        headers: errorHeaders(error),
      })
    } finally {
      counted.processing_ms += clock.now() - beganMs
    }
  }

  const errorHeaders = (error: BooError) => {
    const made = headers()
    made.set("Nats-Service-Error", error.message)
    made.set("Nats-Service-Error-Code", String(error.status))
    return made
  }

  return {
    start() {
      if (subscriptions.length > 0) return
      startedMs = clock.now()
      const asked = endpoints.map((endpoint) =>
        nc.subscribe(subjects.rpc(endpoint.name), {
          queue: QUEUE,
          callback(failed, message) {
            if (failed) return log.warn({ err: failed }, "the subscription to requests failed")
            const work = serve(endpoint, message).finally(() => running.delete(work))
            running.add(work)
          },
        }),
      )
      const found = Object.entries(about).flatMap(([verb, answer]) =>
        [`$SRV.${verb}`, `$SRV.${verb}.${NAME}`, `$SRV.${verb}.${NAME}.${id}`].map((subject) =>
          nc.subscribe(subject, {
            callback: (failed, message) => {
              if (!failed) message.respond(JSON.stringify(answer()))
            },
          }),
        ),
      )
      subscriptions = [...asked, ...found]
    },
    async stop() {
      for (const subscription of subscriptions.splice(0)) subscription.unsubscribe()
      stopping.abort()
      await Promise.all(running)
    },
  }
}

function askedOf(message: Msg): unknown {
  if (message.data.length === 0) return null
  try {
    return message.json()
  } catch {
    throw new BooError("BAD_REQUEST", { where: message.subject, problem: "it is not JSON" })
  }
}

function ours(thrown: unknown): BooError {
  if (thrown instanceof BooError) return thrown
  return foreignError(thrown) ?? new BooError("INTERNAL", { request_id: "rpc" }, thrown)
}
