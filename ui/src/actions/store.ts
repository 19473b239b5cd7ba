import type { ActionRequest, HostAction } from "@boocontrol/shared/actions"
import type { FleetHost } from "@boocontrol/shared/fleet"
import type { HostId } from "@boocontrol/shared/ids"
import { defineStore } from "pinia"
import { shallowRef } from "vue"
import { ApiError, useApi } from "../platform/api.ts"
import { useClock } from "../platform/clock.ts"
import { useToasts } from "../platform/toasts.ts"
import { actionStanding, requestKey, requestWords } from "./view.ts"

export interface Takeover {
  readonly host: HostId
  readonly request: ActionRequest
  readonly holder: string
  readonly purpose: string
  readonly expires_at: string | null
}

export interface FullQueue {
  readonly host: HostId
  readonly request: ActionRequest
  /** How many may wait; null where the hub did not say. */
  readonly depth: number | null
  readonly queue: readonly HostAction[]
}

interface Asked {
  readonly host: HostId
  readonly request: ActionRequest
  /** Null until the hub took it. */
  readonly actionId: string | null
}

/** The hub shows what it took within a second. What is not shown by then may never have reached it. */
export const CONFIRM_WITHIN_MS = 10_000

/** What was asked and is not in a frame yet, and the two answers that want a person to look. */
export const useActions = defineStore("actions", () => {
  const api = useApi()
  const clock = useClock()
  const toasts = useToasts()
  const asked = shallowRef<ReadonlyMap<string, Asked>>(new Map())
  /** Ours that are in a frame: how they end is told. */
  const followed = new Map<string, Asked>()
  const takeover = shallowRef<Takeover | null>(null)
  const full = shallowRef<FullQueue | null>(null)

  function isAsked(host: HostId, request: ActionRequest): boolean {
    return asked.value.has(requestKey(host, request))
  }

  async function ask(host: HostId, request: ActionRequest, confirm = false): Promise<void> {
    const key = requestKey(host, request)
    if (asked.value.has(key)) return
    put(key, { host, request, actionId: null })
    try {
      const { ActionAccepted } = await import("./schemas.ts")
      const query = confirm ? "?confirm=true" : ""
      const reply = await api.post(`hosts/${host}/actions${query}`, ActionAccepted, request)
      put(key, { host, request, actionId: reply.action_id })
      clock.after(CONFIRM_WITHIN_MS, () => {
        if (asked.value.get(key)?.actionId !== reply.action_id) return
        forget(key)
        toasts.show(
          requestWords(request),
          `Asked ${CONFIRM_WITHIN_MS / 1000} s ago, and the hub has not shown it since: look at the host's actions`,
        )
      })
    } catch (error) {
      forget(key)
      refused(host, request, error)
    }
  }

  function refused(host: HostId, request: ActionRequest, error: unknown): void {
    if (error instanceof ApiError && error.code === "BENCH_IN_PROGRESS") {
      const { holder, purpose, expires_at } = error.body?.details ?? {}
      takeover.value = {
        ...{ host, request, holder: textOf(holder), purpose: textOf(purpose) },
        expires_at: typeof expires_at === "string" ? expires_at : null,
      }
    } else if (error instanceof ApiError && error.code === "QUEUE_FULL") {
      const { queue, depth } = error.body?.details ?? {}
      full.value = { host, request, depth: typeof depth === "number" ? depth : null, queue: queueOf(queue) }
    } else toasts.fail(`${requestWords(request)} was not done`, error)
  }

  async function confirmTakeover(): Promise<void> {
    const wanted = takeover.value
    takeover.value = null
    if (wanted) await ask(wanted.host, wanted.request, true)
  }

  /** Called with each change of a host: what the frame shows is no longer only asked. */
  function seen(host: FleetHost): void {
    if (asked.value.size === 0 && followed.size === 0) return
    for (const action of host.actions) {
      for (const [key, mine] of asked.value) {
        if (mine.actionId !== action.action_id) continue
        forget(key)
        followed.set(action.action_id, mine)
      }
      const mine = followed.get(action.action_id)
      if (!mine || action.ended_at === null) continue
      followed.delete(action.action_id)
      if (action.state !== "done")
        toasts.show(
          requestWords(mine.request),
          `${host.display_name}: ${actionStanding(action, clock.nowMs())}`,
        )
    }
  }

  function put(key: string, mine: Asked): void {
    asked.value = new Map(asked.value).set(key, mine)
  }
  function forget(key: string): void {
    const rest = new Map(asked.value)
    rest.delete(key)
    asked.value = rest
  }

  return { asked, takeover, full, isAsked, ask, confirmTakeover, seen }
})

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "somebody"
}

function queueOf(value: unknown): HostAction[] {
  // The hub's own words about its queue; what is not one of them is left out.
  return Array.isArray(value)
    ? value.filter((one): one is HostAction => typeof one === "object" && one !== null && "action_id" in one)
    : []
}
