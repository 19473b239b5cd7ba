import { randomUUID } from "node:crypto"
import { SwapEpoch } from "@boocontrol/shared/ids"
import type { Instant } from "@boocontrol/shared/time"
import type { EngineConnector } from "../ports.ts"
import { createActions } from "./actions.ts"
import { readCapture } from "./captures.ts"
import { hardwareOf } from "./hardware.ts"
import { createEngineHttp } from "./http.ts"
import { jsonOf } from "./messages.ts"
import type { LlamaSwapOptions } from "./options.ts"
import { samplesOf } from "./performance.ts"
import { createRejects } from "./rejects.ts"
import { createSession } from "./session.ts"
import { HardwareReply, Performance } from "./shapes.ts"

export interface LlamaSwapConnector extends EngineConnector {
  /** Messages of the engine that made no sense, since the start. */
  rejected(): number
}

/** llama-swap as an engine: everything that knows its shapes is in this folder. */
export function createLlamaSwapConnector(options: LlamaSwapOptions): LlamaSwapConnector {
  const { sink, clock } = options
  const userAgent = `boocontrol-sidecar/${options.version ?? "0"}`
  const http = createEngineHttp({ url: options.url, apiKey: options.apiKey, userAgent, clock })
  const rejects = createRejects(clock, (note) => sink.note(note))
  const session = createSession({
    ...options,
    http,
    rejects,
    userAgent,
    freshEpoch: () => SwapEpoch.parse(randomUUID()),
  })

  return {
    start: () => session.start(),
    async stop() {
      const stopped = session.stop()
      http.close()
      await stopped
    },
    status: () => session.status(),
    async hardware() {
      const reply = await http.call("/api/hardware")
      const parsed = HardwareReply.safeParse(jsonOf(reply.body))
      return reply.status === 200 && parsed.success ? hardwareOf(parsed.data) : null
    },
    async samples(after: Instant | null) {
      // A plus sign in an offset would be read as a space; ours are UTC, and encoded all the same.
      const query = after === null ? "" : `?after=${encodeURIComponent(after)}`
      const reply = await http.call(`/api/performance${query}`)
      if (reply.status !== 200) return null
      const parsed = Performance.safeParse(jsonOf(reply.body))
      if (!parsed.success) {
        rejects.add("reply", "/api/performance does not look as expected")
        return null
      }
      return parsed.data.enabled === false
        ? null
        : samplesOf(parsed.data).filter(({ ts }) => !after || ts > after)
    },
    capture: (entryId) => readCapture(http, entryId),
    actions: createActions(http),
    rejected: () => rejects.count(),
  }
}
