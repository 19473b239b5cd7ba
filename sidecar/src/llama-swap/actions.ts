import * as z from "zod/mini"
import type { EngineActions } from "../ports.ts"
import type { EngineHttp } from "./http.ts"
import { errorTextOf, EngineRefusal } from "./problems.ts"
import { jsonOf } from "./messages.ts"
import { Running } from "./shapes.ts"
import { pathOf, warmRequestOf } from "./warm-requests.ts"

/** An unload waits for the process to end: its graceful time, then the kill, then its pipes. */
const UNLOAD_TIMEOUT_MS = 120_000

const Profiles = z.object({ profiles: z.nullable(z.array(z.object({ id: z.string() }))) })

/** llama-swap has no call that loads a model: the smallest request does. */
export function createActions(http: EngineHttp): EngineActions {
  async function post(path: string, timeoutMs?: number): Promise<void> {
    const reply = await http.call(path, { method: "POST", ...(timeoutMs ? { timeoutMs } : {}) })
    if (reply.status !== 200) throw new EngineRefusal(reply.status, errorTextOf(reply))
  }

  async function stateOf(model: string): Promise<string> {
    const running = Running.safeParse(jsonOf((await http.call("/running")).body))
    if (!running.success) return "not known"
    return (running.data.running ?? []).find((one) => one.model === model)?.state ?? "stopped"
  }

  async function profileNames(): Promise<string[]> {
    const parsed = Profiles.safeParse(jsonOf((await http.call("/api/profiles")).body))
    return (parsed.data?.profiles ?? []).map(({ id }) => id)
  }

  return {
    async load(model, { kind, signal }) {
      const { path, ...request } = warmRequestOf(model, kind)
      const reply = await http.call(path, {
        ...request,
        headers: { "x-boo-source": "control-warm" },
        // A load takes as long as it takes; whoever asked for it decides when to give up.
        timeoutMs: 0,
        signal,
      })
      const state = await stateOf(model)
      // One of another kind than its name says refuses the request, but is loaded by it.
      if (state === "ready") return
      const problem = reply.status === 200 ? `it answered, and is ${state} now` : errorTextOf(reply)
      throw new EngineRefusal(reply.status, problem)
    },
    unload: (model) => post(`/api/models/unload/${pathOf(model)}`, UNLOAD_TIMEOUT_MS),
    unloadAll: () => post("/api/models/unload", UNLOAD_TIMEOUT_MS),
    async cancel(inflightId) {
      const path = `/api/inflight/${encodeURIComponent(inflightId)}/cancel`
      const reply = await http.call(path, { method: "POST" })
      if (reply.status === 404) return false
      if (reply.status !== 200) throw new EngineRefusal(reply.status, errorTextOf(reply))
      return true
    },
    async switchProfile(profile) {
      const reply = await http.call("/api/profiles/active", { method: "PUT", body: { name: profile } })
      if (reply.status === 200) return null
      if (reply.status === 404) return await profileNames()
      throw new EngineRefusal(reply.status, errorTextOf(reply))
    },
  }
}
