import { type Clock, wait } from "../clock.ts"
import { sendSimulatedRequest, type SimulatedRequest } from "../engine/client.ts"
import type { Engine } from "../engine/engine.ts"
import type { Random } from "../random.ts"
import type { ClientScenario } from "../scenario.ts"

export interface Traffic {
  stop(): Promise<void>
}

/** People and programs at work: each thinks, asks, reads the answer, and thinks again. */
export function startTraffic(parts: { engine: Engine; clock: Clock; random: Random }): Traffic {
  const { engine } = parts
  const stopping = new AbortController()
  const clients = engine.scenario.traffic.map((client, index) =>
    runClient({ ...parts, client, index, stopping }),
  )
  return {
    async stop() {
      stopping.abort()
      await Promise.allSettled(clients)
    },
  }
}

interface ClientParts {
  engine: Engine
  clock: Clock
  random: Random
  client: ClientScenario
  index: number
  stopping: AbortController
}

async function runClient({ engine, clock, random, client, index, stopping }: ClientParts) {
  let session = newSession(random)
  let turn = 0
  let promptTokens = 0
  let pauseMs = client.first_after_s * 1000
  while (await wait(clock, pauseMs, stopping.signal)) {
    if (turn >= client.session_turns) {
      session = newSession(random)
      turn = 0
    }
    // A conversation grows by what was said; a new one starts from its own prompt.
    const fresh = random.integer(...client.prompt_tokens)
    promptTokens = turn === 0 ? fresh : promptTokens + Math.ceil(fresh * 0.25)
    const outputTokens = random.integer(...client.output_tokens)
    turn++
    const request = requestOf({ client, session: `${session}-${index}`, promptTokens, outputTokens }, random)
    const answered = sendSimulatedRequest({ engine, clock, request })
    const stopped = new Promise<void>((resolve) => {
      if (stopping.signal.aborted) resolve()
      stopping.signal.addEventListener("abort", () => resolve(), { once: true })
    })
    await Promise.race([answered, stopped])
    promptTokens += outputTokens
    pauseMs = random.between(...client.think_s) * 1000
  }
}

interface Turn {
  client: ClientScenario
  session: string
  promptTokens: number
  outputTokens: number
}

function requestOf({ client, session, promptTokens, outputTokens }: Turn, random: Random): SimulatedRequest {
  // An unhappy client asks for a model that is not there, which is how most errors of a small fleet come about.
  const model = random.chance(client.error_chance) ? `${client.model}-instruct` : client.model
  return {
    model,
    source: client.source,
    path: client.path,
    stream: client.stream && !/embed|rerank/.test(client.path),
    promptTokens,
    outputTokens,
    session,
    userAgent: client.user_agent,
    remoteIp: client.remote_ip,
    abortAfterMs: random.chance(client.abort_chance) ? random.between(400, 4000) : null,
  }
}

function newSession(random: Random): string {
  return random.integer(0x10000000, 0xffffffff).toString(16)
}
