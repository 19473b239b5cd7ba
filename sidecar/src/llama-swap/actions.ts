import type { EngineActions } from "../ports.ts"
import type { EngineHttp } from "./http.ts"
import { errorTextOf, EngineRefusal } from "./problems.ts"
import { jsonOf } from "./messages.ts"
import { Running } from "./shapes.ts"

/** An unload waits for the process to end: its graceful time, then the kill, then its pipes. */
const UNLOAD_TIMEOUT_MS = 120_000

/** llama-swap has no call that loads a model: the smallest request does. */
export function createActions(http: EngineHttp): EngineActions {
  async function post(path: string, timeoutMs?: number): Promise<void> {
    const reply = await http.call(path, { method: "POST", ...(timeoutMs ? { timeoutMs } : {}) })
    if (reply.status !== 200) throw new EngineRefusal(reply.status, errorTextOf(reply))
  }

  async function isReady(model: string): Promise<boolean> {
    const running = Running.safeParse(jsonOf((await http.call("/running")).body))
    if (!running.success) return false
    return (running.data.running ?? []).some((one) => one.model === model && one.state === "ready")
  }

  return {
    async load(model, signal) {
      const reply = await http.call("/v1/chat/completions", {
        method: "POST",
        body: { model, max_tokens: 1, stream: false, messages: [{ role: "user", content: "hi" }] },
        headers: { "x-boo-source": "control-warm" },
        // A load takes as long as it takes; whoever asked for it decides when to give up.
        timeoutMs: 0,
        signal,
      })
      if (reply.status === 200) return
      // A model that does not chat (embeddings, speech) refuses the request, but is loaded by it.
      if (await isReady(model)) return
      throw new EngineRefusal(reply.status, errorTextOf(reply))
    },
    unload: (model) => post(`/api/models/unload/${pathOf(model)}`, UNLOAD_TIMEOUT_MS),
    unloadAll: () => post("/api/models/unload", UNLOAD_TIMEOUT_MS),
    async cancel(inflightId) {
      const reply = await http.call(`/api/inflight/${encodeURIComponent(inflightId)}/cancel`, {
        method: "POST",
      })
      if (reply.status === 200) return
      throw new EngineRefusal(
        reply.status,
        reply.status === 404
          ? `request ${inflightId} is not in flight any more, or this llama-swap cannot cancel requests`
          : errorTextOf(reply),
      )
    },
  }
}

/** Slashes are part of a model's name and stay. */
function pathOf(model: string): string {
  return model.split("/").map(encodeURIComponent).join("/")
}
