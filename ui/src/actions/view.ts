import type { ActionRequest, HostAction } from "@boocontrol/shared/actions"
import type { FleetHost, FleetModel } from "@boocontrol/shared/fleet"
import { epochMsOf } from "@boocontrol/shared/time"
import { duration } from "../kit/format.ts"
import type { Tone } from "../kit/tone.ts"

/** What a button asks for, in the words of whoever presses it. */
export function requestWords(request: ActionRequest): string {
  switch (request.action) {
    case "warm":
      return `Load ${request.model}`
    case "unload":
      return `Unload ${request.model}`
    case "unload_all":
      return "Unload all models"
    case "cancel":
      return `Cancel request ${request.inflight_id}`
    case "profile":
      return request.profile === null ? "Leave the profile" : `Switch to profile ${request.profile}`
  }
}

/** One key per thing that can be asked, so that a button knows whether it has been. */
export function requestKey(host: string, request: ActionRequest): string {
  switch (request.action) {
    case "warm":
    case "unload":
      return `${host} model ${request.model}`
    case "unload_all":
      return `${host} all`
    case "cancel":
      return `${host} request ${request.inflight_id}`
    case "profile":
      return `${host} profile`
  }
}

export function actionWords(action: HostAction): string {
  switch (action.action) {
    case "warm":
      return `load ${action.model ?? ""}`
    case "unload":
      return `unload ${action.model ?? ""}`
    case "unload_all":
      return "unload all"
    case "cancel":
      return `cancel request ${action.inflight_id ?? ""}`
    case "profile":
      return action.profile === null ? "leave the profile" : `profile ${action.profile}`
  }
}

const TONES: Record<HostAction["state"], Tone> = {
  waiting: "idle",
  running: "warn",
  done: "ok",
  skipped: "unknown",
  failed: "bad",
}
export function actionTone({ state }: HostAction): Tone {
  return TONES[state]
}

/** How it stands, with how long it took: while a model is unloaded its host answers nobody. */
export function actionStanding(action: HostAction, nowMs: number): string {
  const { state, reason, took_ms, started_at } = action
  switch (state) {
    case "waiting":
      return "waits its turn"
    case "running":
      return started_at === null
        ? "is done now"
        : `for ${duration(Math.max(0, nowMs - epochMsOf(started_at)))}`
    case "done": {
      const held =
        action.action === "unload" || action.action === "unload_all"
          ? ", the host answered nobody else meanwhile"
          : ""
      return took_ms === null ? "done" : `done in ${duration(took_ms)}${held}`
    }
    case "skipped":
      return `skipped: ${reason ?? "no reason given"}`
    case "failed":
      return `failed: ${reason ?? "no reason given"}`
  }
}

/** What the card says of its queue; null: nothing is asked, and nothing ended a moment ago. */
export function queueWords(host: FleetHost, nowMs: number): { text: string; tone: Tone } | null {
  const running = host.actions.find(({ state }) => state === "running")
  const waiting = host.actions.filter(({ state }) => state === "waiting")
  const rest = waiting.length > 0 ? ` · ${waiting.length} ${waiting.length === 1 ? "waits" : "wait"}` : ""
  if (running)
    return { text: `${actionWords(running)} ${actionStanding(running, nowMs)}${rest}`, tone: "warn" }
  if (waiting[0])
    return {
      text: `${actionWords(waiting[0])} waits its turn${waiting.length > 1 ? ` · ${waiting.length - 1} more` : ""}`,
      tone: "idle",
    }
  const last = host.actions.at(-1)
  return last ? { text: `${actionWords(last)} ${actionStanding(last, nowMs)}`, tone: actionTone(last) } : null
}

export interface ModelButton {
  readonly request: ActionRequest
  readonly icon: "play" | "eject"
  readonly words: string
}

/** What can be asked of a model now; null where it is on its way already, or not this host's own. */
export function modelButton(model: FleetModel): ModelButton | null {
  if (model.peer !== null) return null
  switch (model.state) {
    case "ready":
    case "starting":
      return { request: { action: "unload", model: model.id }, icon: "eject", words: `Unload ${model.id}` }
    case "stopped":
    case "error":
    case null:
      return { request: { action: "warm", model: model.id }, icon: "play", words: `Load ${model.id}` }
    case "stopping":
      return null
  }
}

/** The action of this host that concerns a model and is not over. */
export function openAction(host: FleetHost, model: string): HostAction | null {
  return (
    host.actions.find(
      (action) => action.model === model && (action.state === "waiting" || action.state === "running"),
    ) ?? null
  )
}

/** Why nothing can be asked of a host now; null: it can. */
export function whyNotNow(host: FleetHost): string | null {
  if (host.liveness === "connected") return null
  return `${host.display_name} is ${host.liveness}: its engine cannot be asked`
}
