import type { FleetHost } from "@boocontrol/shared/fleet"
import type { GpuSample } from "@boocontrol/shared/telemetry"
import { gib } from "../../kit/format.ts"

export interface Fit {
  readonly answer: "yes" | "after-unload" | "no" | "unknown"
  /** What it rests on, in words. */
  readonly why: string
}

/** The largest amount of VRAM a model was seen to hold on any host, MiB; null where it was never measured. */
export function measuredMib(hosts: readonly FleetHost[], model: string): number | null {
  const known = hosts
    .flatMap((host) => host.models)
    .filter(({ id, peer }) => id === model && peer === null)
    .flatMap(({ vram_mib }) => (vram_mib === null ? [] : [vram_mib]))
  return known.length === 0 ? null : Math.max(...known)
}

/**
 * Would a model that holds `needMib` fit on these cards now? Certain only where one card has room for all of it, or all
 * cards together have not: how a model would be split over several is not known.
 */
export function fitOf(
  needMib: number | null,
  host: Pick<FleetHost, "liveness" | "models">,
  gpus: readonly GpuSample[] | null,
): Fit {
  if (needMib === null) return { answer: "unknown", why: "its size was never measured" }
  if (host.liveness !== "connected") return { answer: "unknown", why: "the host is not connected" }
  const cards = (gpus ?? []).flatMap(({ mem_total_mib, mem_used_mib, state }) =>
    mem_total_mib === null || mem_used_mib === null || state !== "awake"
      ? []
      : [{ total: mem_total_mib, free: mem_total_mib - mem_used_mib }],
  )
  if (cards.length === 0) return { answer: "unknown", why: "no VRAM reading" }
  const free = cards.reduce((sum, card) => sum + card.free, 0)
  const total = cards.reduce((sum, card) => sum + card.total, 0)
  const freeOnOne = Math.max(...cards.map((card) => card.free))
  const needs = `needs ${gib(needMib)} GiB`
  if (needMib <= freeOnOne) return { answer: "yes", why: `${needs}, ${gib(freeOnOne)} free on one card` }
  if (needMib > total) return { answer: "no", why: `${needs}, the host has ${gib(total)}` }
  if (needMib <= free)
    return {
      answer: "unknown",
      why: `${needs}, ${gib(free)} free over several cards: it would have to be split`,
    }
  const loaded = host.models.filter(({ state }) => state === "ready").map(({ id }) => id)
  const held = loaded.length === 0 ? "held by something else" : `held by ${loaded.join(", ")}`
  const biggest = Math.max(...cards.map((card) => card.total))
  return loaded.length > 0 && needMib <= biggest
    ? { answer: "after-unload", why: `${needs}, ${gib(free)} free: the rest is ${held}` }
    : { answer: "unknown", why: `${needs}, ${gib(free)} free: the rest is ${held}` }
}
