import type { ModelReading } from "@boocontrol/shared/models"
import { quantOf } from "@boocontrol/shared/models"
import type { GpuProcess } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import type { ModelLife } from "./core.ts"
import type { Instance } from "./ports.ts"

/** What is known beside the lists. */
export interface Surroundings {
  /** Models with a request in flight; null: not known, so no end of idle time can be told. */
  readonly busy: ReadonlySet<string> | null
  readonly processes: readonly GpuProcess[]
  /** Rise of GPU memory over the load, MiB. */
  readonly loadDelta: ReadonlyMap<string, number>
  readonly contextLengths: ReadonlyMap<string, number>
  /** What the servers of models said of themselves when they ran last. */
  readonly instances: ReadonlyMap<string, Instance>
  /** False: the engine cannot be asked, so no state is known. */
  readonly heard: boolean
}

/** The list that travels: one reading per model, in the order given. */
export function readingsOf(lives: readonly ModelLife[], around: Surroundings): ModelReading[] {
  const loaded = lives.filter(({ state }) => state === "ready" || state === "stopping")
  return lives.map((life) => readingOf(life, around, loaded.length === 1))
}

function readingOf(life: ModelLife, around: Surroundings, alone: boolean): ModelReading {
  const { listed } = life
  const instance = around.instances.get(listed.id)
  const state = around.heard ? life.state : null
  return {
    id: listed.id,
    name: listed.name,
    description: listed.description,
    aliases: [...listed.aliases],
    state,
    state_since: state === null || life.sinceMs === null ? null : instantOf(life.sinceMs),
    error: state === "error" ? life.error : null,
    ttl_s: life.ttlS,
    expires_at: expiresAt(life, around),
    context_length:
      instance?.context_length ?? listed.context_length ?? around.contextLengths.get(listed.id) ?? null,
    ...(instance ? { slots: instance.slots } : {}),
    quant: quantOf(listed.id) ?? quantOf(listed.name ?? "") ?? life.quant,
    load_ms_typical: median(life.loadMs),
    ...vramOf(life, around, alone),
    unlisted: listed.unlisted,
    peer: listed.peer,
    capabilities: [...listed.capabilities],
  }
}

/** The engine unloads when nothing is in flight and the last request ended longer ago than the ttl. */
function expiresAt(life: ModelLife, { busy, heard }: Surroundings): ModelReading["expires_at"] {
  if (!heard || life.state !== "ready" || !life.ttlS || life.lastEndMs === null) return null
  if (busy === null || busy.has(life.listed.id)) return null
  return instantOf(life.lastEndMs + life.ttlS * 1000)
}

function vramOf(
  life: ModelLife,
  around: Surroundings,
  alone: boolean,
): Pick<ModelReading, "vram_mib" | "vram_basis"> {
  if (!around.heard || life.state !== "ready") return { vram_mib: null, vram_basis: null }
  // Processes carry no model name of their own: with one model loaded there is no doubt whose they are.
  const own = around.processes.filter(
    ({ model, name }) => model === life.listed.id || (alone && model === null && /llama/i.test(name ?? "")),
  )
  const used = own.flatMap(({ used_mib }) => (used_mib === null ? [] : [used_mib]))
  if (used.length > 0 && used.length === own.length)
    return { vram_mib: used.reduce((sum, mib) => sum + mib, 0), vram_basis: "process" }
  const delta = around.loadDelta.get(life.listed.id)
  return delta === undefined
    ? { vram_mib: null, vram_basis: null }
    : { vram_mib: delta, vram_basis: "load_delta" }
}

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? upper
  return Math.round((upper + lower) / 2)
}
