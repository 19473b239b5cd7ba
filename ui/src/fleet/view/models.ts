import type { FleetHost, FleetModel } from "@boocontrol/shared/fleet"
import { epochMsOf } from "@boocontrol/shared/time"
import { unreachable } from "@boocontrol/shared/unreachable"
import { contextLength, duration, left, plural, since } from "../../kit/format.ts"
import type { Tone } from "../../kit/tone.ts"

/** Hues that a host's models take in turn, by their place in its list: a model keeps its hue. */
export const HUES = 8

export interface StateWords {
  readonly tone: Tone
  readonly text: string
  /** The whole story, for a tooltip; null where the words are all there is. */
  readonly title: string | null
}

export interface ModelLine {
  readonly model: FleetModel
  readonly hue: string
}

export interface ModelLines {
  readonly lines: readonly ModelLine[]
  /** Models that did not fit on the card. */
  readonly more: number
  /** Models that the operator hid and that are not shown now. */
  readonly hidden: number
}

export function hueOf(host: Pick<FleetHost, "models">, modelId: string): string {
  const index = host.models.findIndex((model) => model.id === modelId)
  return `var(--m${(Math.max(0, index) % HUES) + 1})`
}

/**
 * The models of a card: favourites first, then as the host lists them. Only where not all fit do the loaded ones
 * come before the rest, since a card that hides what runs is of no use.
 */
export function modelLines(host: FleetHost, given: { capacity: number; showHidden: boolean }): ModelLines {
  const own = host.models.filter((model) => model.peer === null)
  const shown = own.filter((model) => given.showHidden || !model.hidden)
  const crowded = shown.length > given.capacity
  const rank = (model: FleetModel) => (crowded && isHeld(model) ? 0 : 2) + (model.favorite ? 0 : 1)
  const ordered = shown
    .map((model, index) => ({ model, index }))
    .sort((a, b) => rank(a.model) - rank(b.model) || a.index - b.index)
  return {
    lines: ordered.slice(0, given.capacity).map(({ model }) => ({ model, hue: hueOf(host, model.id) })),
    more: Math.max(0, shown.length - given.capacity),
    hidden: own.length - shown.length,
  }
}

/** Holds memory, or did a moment ago. */
export function isHeld(model: Pick<FleetModel, "state">): boolean {
  return model.state !== null && model.state !== "stopped"
}

export interface InflightCount {
  readonly waiting: number
  readonly answering: number
}

export function inflightOf(host: Pick<FleetHost, "inflight">, modelId: string): InflightCount {
  const requests = (host.inflight ?? []).filter((request) => request.model === modelId)
  const waiting = requests.filter((request) => request.phase === "waiting").length
  return { waiting, answering: requests.length - waiting }
}

export function stateWords(model: FleetModel, host: FleetHost, nowMs: number): StateWords {
  if (model.state === null) return unknownWords(host, nowMs)
  const flight = inflightOf(host, model.id)
  switch (model.state) {
    case "ready":
      return { tone: "ok", text: `ready · ${timeLeftWords(model, flight, nowMs)}`, title: ttlTitle(model) }
    case "starting":
      return {
        tone: "warn",
        text: flight.waiting > 0 ? `starting · ${flight.waiting} waiting` : "starting",
        title: loadWords(model, nowMs),
      }
    case "stopping":
      return { tone: "warn", text: "unloading", title: null }
    case "stopped":
      return { tone: "idle", text: "not loaded", title: null }
    case "error":
      return { tone: "bad", text: "failed to load", title: model.error }
    default:
      return unreachable(model.state)
  }
}

function unknownWords(host: FleetHost, nowMs: number): StateWords {
  if (host.last_seen_at === null) return { tone: "unknown", text: "never heard", title: null }
  const at = epochMsOf(host.last_seen_at)
  return { tone: "unknown", text: `unknown since ${since(at, nowMs)}`, title: "The host does not say it now" }
}

function timeLeftWords(model: FleetModel, flight: InflightCount, nowMs: number): string {
  if (flight.answering + flight.waiting > 0) return "in use"
  if (model.ttl_s === 0) return "stays"
  if (model.expires_at === null) return model.ttl_s === null ? "idle" : "in use"
  const ms = epochMsOf(model.expires_at) - nowMs
  return ms <= 0 ? "unloads now" : `${left(ms)} left`
}

function ttlTitle(model: FleetModel): string | null {
  if (model.ttl_s === 0) return "No idle time is set: it stays until something else needs its place"
  if (model.ttl_s === null) return null
  return `Unloaded ${duration(model.ttl_s * 1000)} after its last request; the time left is estimated`
}

/** `6 s of about 9`: how long it has been loading, and how long it usually takes here. */
export function loadWords(model: FleetModel, nowMs: number): string | null {
  if (model.state_since === null) return null
  const elapsed = Math.max(0, Math.floor((nowMs - epochMsOf(model.state_since)) / 1000))
  if (model.load_ms_typical === null) return `${elapsed} s`
  const usual = Math.max(1, Math.round(model.load_ms_typical / 1000))
  return elapsed > usual ? `${elapsed} s, usually about ${usual}` : `${elapsed} s of about ${usual}`
}

/** Share of the idle time that is left, 0 to 1; null where there is no countdown. */
export function ttlFraction(model: FleetModel, nowMs: number): number | null {
  if (model.state !== "ready") return null
  if (model.ttl_s === 0) return 1
  if (model.ttl_s === null) return null
  if (model.expires_at === null) return 1
  return Math.min(1, Math.max(0, (epochMsOf(model.expires_at) - nowMs) / (model.ttl_s * 1000)))
}

/** `Q5_K_M · 64k`: what is known of it. */
export function modelFacts(model: Pick<FleetModel, "quant" | "context_length">): string {
  return [model.quant, contextLength(model.context_length)].filter((fact) => fact !== null).join(" · ")
}

export function inflightWords({ waiting, answering }: InflightCount): string {
  const total = plural(waiting + answering, "request")
  return waiting > 0 ? `${total} in flight, ${waiting} waiting` : `${total} in flight`
}
