import type { FleetHost, FleetModel } from "@boocontrol/shared/fleet"
import type { GpuSample, PerfSample } from "@boocontrol/shared/telemetry"
import { gib } from "../../kit/format.ts"
import { hueOf } from "./models.ts"

export interface VramSegment {
  readonly key: string
  readonly label: string
  readonly mib: number
  /** CSS colour. */
  readonly color: string
  /** Drawn lighter: being loaded, or not known whose it is. */
  readonly faint: boolean
}

export interface VramView {
  readonly usedMib: number | null
  readonly totalMib: number | null
  readonly segments: readonly VramSegment[]
  /** The answer to "what fits?". */
  readonly words: string
  readonly gpus: readonly { readonly label: string; readonly fraction: number | null }[]
}

// A driver and its desktop hold some hundred MiB that no model owns; less than this is not drawn.
const MIN_SEGMENT_MIB = 128

export function vramView(host: FleetHost, sample: PerfSample | null): VramView {
  const gpus = sample?.gpu ?? null
  const totalMib = sumKnown((gpus ?? []).map((gpu) => gpu.mem_total_mib)) ?? totalOfInventory(host)
  const usedMib = gpus === null ? null : sumKnown(gpus.map((gpu) => gpu.mem_used_mib))
  return {
    usedMib,
    totalMib,
    segments: usedMib === null ? [] : segmentsOf(host, usedMib),
    words: words(host, gpus, { usedMib, totalMib }),
    gpus: (gpus ?? []).map((gpu) => ({
      label: `GPU ${gpu.index}: ${gib(gpu.mem_used_mib)} of ${gib(gpu.mem_total_mib)} GiB`,
      fraction: fractionOf(gpu.mem_used_mib, gpu.mem_total_mib),
    })),
  }
}

function segmentsOf(host: FleetHost, usedMib: number): VramSegment[] {
  const segments: VramSegment[] = []
  let left = usedMib
  for (const model of host.models) {
    if (model.vram_mib === null || (model.state !== "ready" && model.state !== "stopping")) continue
    const mib = Math.min(model.vram_mib, left)
    left -= mib
    segments.push({ key: model.id, label: model.id, mib, color: hueOf(host, model.id), faint: false })
  }
  if (left >= MIN_SEGMENT_MIB) segments.push(restOf(host, left))
  return segments
}

/** What no model is known to hold: it belongs to what is loading now, to the one that was never measured, or to others. */
function restOf(host: FleetHost, mib: number): VramSegment {
  const loading = host.models.find((model) => model.state === "starting")
  if (loading) return { key: "rest", label: `${loading.id}, loading`, mib, color: "var(--warn)", faint: true }
  const unmeasured = host.models.filter((model) => model.state === "ready" && model.vram_mib === null)
  const only = unmeasured.length === 1 ? unmeasured[0] : undefined
  if (only)
    return { key: "rest", label: `${only.id} and others`, mib, color: hueOf(host, only.id), faint: true }
  return { key: "rest", label: "not known whose", mib, color: "var(--muted)", faint: true }
}

/** Of a host without a GPU: its own memory. */
export function machineView(host: FleetHost, sample: PerfSample | null): VramView {
  const usedMib = sample?.sys?.mem_used_mib ?? null
  return {
    usedMib,
    totalMib: sample?.sys?.mem_total_mib ?? host.hardware?.memory_total_mib ?? null,
    segments:
      usedMib === null
        ? []
        : [{ key: "memory", label: "in use", mib: usedMib, color: "var(--accent-deep)", faint: false }],
    words: "runs without a GPU",
    gpus: [],
  }
}

function words(
  host: FleetHost,
  gpus: readonly GpuSample[] | null,
  vram: { usedMib: number | null; totalMib: number | null },
): string {
  if (gpus?.some((gpu) => gpu.state === "lost")) return "GPU lost"
  if (gpus && gpus.length > 0 && gpus.every((gpu) => gpu.state === "asleep")) return "asleep, left so"
  if (vram.usedMib === null || vram.totalMib === null) return "no reading"
  if (host.models.some((model) => model.state === "starting")) return "loading"
  const freeMib = vram.totalMib - vram.usedMib
  return [`${gib(freeMib)} free`, fitWords(host, gpus ?? [], freeMib)]
    .filter((part) => part !== null)
    .join(" · ")
}

/**
 * Says only what is certain. "Fits" needs a measured size and one card with room for all of it: how a model would be
 * split over several is not known. "No other fits" needs every size.
 */
function fitWords(host: FleetHost, gpus: readonly GpuSample[], freeMib: number): string | null {
  const out = host.models.filter((model) => model.state === "stopped" && model.peer === null && !model.hidden)
  if (out.length === 0) return null
  const room = Math.max(0, ...gpus.map((gpu) => (gpu.mem_total_mib ?? 0) - (gpu.mem_used_mib ?? 0)))
  const fitting = out.filter((model) => model.vram_mib !== null && model.vram_mib <= room)
  const best = fitting.sort(byFavoriteThenSize)[0]
  if (best) return fitting.length === 1 ? `${best.id} fits` : `${best.id} and ${fitting.length - 1} more fit`
  return out.every((model) => model.vram_mib !== null && model.vram_mib > freeMib) ? "no other fits" : null
}

function byFavoriteThenSize(a: FleetModel, b: FleetModel): number {
  return Number(b.favorite) - Number(a.favorite) || (b.vram_mib ?? 0) - (a.vram_mib ?? 0)
}

export function totalOfInventory(host: Pick<FleetHost, "gpus">): number | null {
  return sumKnown(host.gpus.map((gpu) => gpu.memory_total_mib))
}

/** Sum of what is known; null where nothing is. */
export function sumKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
}

export function fractionOf(part: number | null, whole: number | null): number | null {
  return part === null || whole === null || whole <= 0 ? null : Math.min(1, Math.max(0, part / whole))
}
