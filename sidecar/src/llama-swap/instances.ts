import * as z from "zod/mini"
import type { Instance } from "../fleet/ports.ts"
import type { Clock } from "../platform/clock.ts"
import { namesThisMachine } from "@boocontrol/shared/this-machine"
import { createEngineHttp } from "./http.ts"
import { jsonOf } from "./messages.ts"
import type { Running } from "./shapes.ts"

const Props = z.object({
  /** Of one slot: a request has no more than this. */
  default_generation_settings: z.optional(z.object({ n_ctx: z.optional(z.number()) })),
  total_slots: z.optional(z.number()),
})

export interface InstancesOptions {
  clock: Clock
  userAgent: string
  changed: (instances: ReadonlyMap<string, Instance>) => void
}

/** What running model servers say of themselves. What a model had when it ran last is what it will have again. */
export interface Instances {
  running(running: Running): void
  stop(): void
}

const TIMEOUT_MS = 2_000
/** A server that is not llama.cpp's has no such page, and will not get one. */
const MAX_TRIES = 3

/**
 * Asks each model server itself, on the port that the engine names: through the engine the question would load the
 * model, and keep it loaded for ever. Only where these ports are ports of this machine.
 */
export function createInstances({ clock, userAgent, changed }: InstancesOptions): Instances {
  const known = new Map<string, Instance>()
  /** One life of a server each: asked until it has answered. */
  const lives = new Map<string, { life: string; tries: number; isAsked: boolean }>()
  const stopping = new AbortController()

  async function ask(model: string, url: string): Promise<void> {
    const http = createEngineHttp({ url, apiKey: null, userAgent, clock })
    const mine = lives.get(model)
    try {
      const reply = await http.call("/props", { timeoutMs: TIMEOUT_MS, signal: stopping.signal })
      const instance = reply.status === 200 ? instanceOf(jsonOf(reply.body)) : null
      if (instance === null || lives.get(model) !== mine || mine === undefined) return
      mine.tries = MAX_TRIES
      const before = known.get(model)
      known.set(model, instance)
      if (before?.context_length !== instance.context_length || before.slots !== instance.slots)
        changed(known)
    } catch {
      // It may have ended, or does not speak HTTP there: asked again at the next look.
    } finally {
      http.close()
      if (mine) mine.isAsked = false
    }
  }

  return {
    running({ running }) {
      const ready = (running ?? []).filter(({ state }) => state === "ready")
      for (const model of lives.keys()) if (!ready.some((one) => one.model === model)) lives.delete(model)
      for (const { model, proxy, cmd } of ready) {
        if (!proxy || !isOfThisMachine(proxy)) continue
        const life = `${proxy} ${cmd ?? ""}`
        const mine = lives.get(model)
        const own = mine?.life === life ? mine : { life, tries: 0, isAsked: false }
        lives.set(model, own)
        if (own.isAsked || own.tries >= MAX_TRIES) continue
        own.isAsked = true
        own.tries += 1
        void ask(model, proxy)
      }
    },
    stop: () => stopping.abort(),
  }
}

/** Null where it is no llama-server. */
export function instanceOf(body: unknown): Instance | null {
  const parsed = Props.safeParse(body)
  if (!parsed.success) return null
  const context_length = countOf(parsed.data.default_generation_settings?.n_ctx)
  const slots = countOf(parsed.data.total_slots)
  return context_length === null && slots === null ? null : { context_length, slots }
}

function countOf(value: number | undefined): number | null {
  return value !== undefined && Number.isSafeInteger(value) && value > 0 ? value : null
}

function isOfThisMachine(url: string): boolean {
  return namesThisMachine(URL.parse(url)?.hostname ?? "")
}
