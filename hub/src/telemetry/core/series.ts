import type { Aggregate, PerfReply } from "@boocontrol/shared/telemetry"
import { instantOf } from "@boocontrol/shared/time"
import { GPU_METRICS, SYS_METRICS, sumOf } from "./aggregate.ts"
import type { Bucket, Metrics } from "./aggregate.ts"
import { JsonBytes } from "./json-bytes.ts"
import type { Covered, Span } from "./spans.ts"
import { bucketOf } from "./tiers.ts"

/** A stored sample or bucket with its time. */
export type Reading = Covered & { bucket: Bucket }

export interface SeriesRange {
  /** Where the first reading may begin. */
  fromMs: number
  toMs: number
  stepMs: number
}

/**
 * One reading of one GPU or of the machine: count, sum, least and greatest of each step, one after the other; count 0 where
 * nothing is known. One piece of memory for all: an answer has some fifty of them.
 */
type Columns = Float64Array
const PER_STEP = 4

interface Gpu {
  /** Of the newest reading, which tells its place and name. */
  startMs: number
  index: number
  uuid: string | null
  name: string | null
  readonly metrics: Map<string, Columns>
}

interface Step {
  at: number
  /** A point of this moment up to its first number: the same for every reading, of which there are some sixty. */
  begin: Uint8Array
}

const ENCODER = new TextEncoder()
const MIN = ENCODER.encode(',"min":')
const MAX = ENCODER.encode(',"max":')
const END = ENCODER.encode("}")
const NOTHING = ENCODER.encode('null,"min":null,"max":null}')
const OPEN = ENCODER.encode("[")
const COMMA = ENCODER.encode(",")
const CLOSE = ENCODER.encode("]")
const WRITER = new JsonBytes()

/**
 * Readings as series of at most one point per step, in whatever order they come. Each is added up and let go: kept
 * until the answer is written, they would be a hundred thousand objects for the collector to carry along.
 */
export class SeriesInTheMaking {
  readonly #firstMs: number
  readonly #stepMs: number
  readonly #steps: number
  readonly #known: Uint8Array
  readonly #gpus = new Map<string, Gpu>()
  readonly #sys = new Map<string, Columns>()
  readonly #covered: Covered[] = []

  constructor({ fromMs, toMs, stepMs }: SeriesRange) {
    this.#firstMs = bucketOf(fromMs, stepMs)
    this.#stepMs = stepMs
    this.#steps = Math.max(0, Math.ceil((toMs - this.#firstMs) / stepMs))
    this.#known = new Uint8Array(this.#steps)
  }

  add({ startMs, endMs, backfilled, bucket }: Reading): void {
    const at = this.#placeOf(startMs)
    if (at < 0 || at >= this.#steps) return
    this.#known[at] = 1
    this.#covered.push({ startMs, endMs, backfilled })
    if (bucket.sys_agg !== null) this.#addAll(this.#sys, bucket.sys_agg, at)
    for (const key in bucket.gpu_agg) {
      const read = bucket.gpu_agg[key]
      if (read === undefined) continue
      const { index, uuid, name, metrics } = read
      let gpu = this.#gpus.get(key)
      if (gpu === undefined) this.#gpus.set(key, (gpu = { startMs, index, uuid, name, metrics: new Map() }))
      else if (startMs > gpu.startMs) Object.assign(gpu, { startMs, index, uuid, name })
      this.#addAll(gpu.metrics, metrics, at)
    }
  }

  /** What the readings speak for, in order. */
  covered(): readonly Covered[] {
    return this.#covered.sort((a, b) => a.startMs - b.startMs)
  }

  /**
   * The whole answer as JSON, written series by series. A step without readings has no point, unless it begins or ends a
   * missing span: there a null point breaks the line. A reading that this machine never gives is an empty series, not a
   * line of nulls.
   */
  answer(head: Omit<PerfReply, "gpus" | "sys">, missing: readonly Span[]): Uint8Array {
    const steps = this.#stepsWith(missing)
    const text = WRITER
    text.begin()
    text.text(`${JSON.stringify(head).slice(0, -1)},"gpus":[`)
    const gpus = [...this.#gpus.values()].sort((a, b) => a.index - b.index)
    for (const [place, { index, uuid, name, metrics }] of gpus.entries()) {
      const gpu = JSON.stringify({ index, uuid, name }).slice(0, -1)
      text.text(`${place === 0 ? "" : ","}${gpu},"series":`)
      writeSeries(text, { metrics: GPU_METRICS, read: metrics, steps })
      text.text("}")
    }
    text.text('],"sys":')
    writeSeries(text, { metrics: SYS_METRICS, read: this.#sys, steps })
    text.text("}")
    return text.take()
  }

  #placeOf(startMs: number): number {
    return Math.floor((startMs - this.#firstMs) / this.#stepMs)
  }

  #addAll(all: Map<string, Columns>, metrics: Metrics, at: number): void {
    for (const name in metrics) {
      const read = metrics[name]
      if (read === undefined) continue
      let columns = all.get(name)
      if (columns === undefined) all.set(name, (columns = new Float64Array(this.#steps * PER_STEP)))
      addTo(columns, read, at)
    }
  }

  #stepsWith(missing: readonly Span[]): Step[] {
    const places = new Set<number>()
    for (const { fromMs, toMs } of missing) {
      // The steps that lie within the span as a whole: those at its ends may hold readings.
      const first = this.#placeOf(fromMs + this.#stepMs - 1)
      const last = this.#placeOf(toMs) - 1
      if (first <= last) places.add(first).add(last)
    }
    for (const [at, known] of this.#known.entries()) if (known === 1) places.add(at)
    return [...places]
      .sort((a, b) => a - b)
      .map((at) => {
        const ts = instantOf(this.#firstMs + at * this.#stepMs)
        return { at, begin: ENCODER.encode(`{"ts":"${ts}","mean":`) }
      })
  }
}

function addTo(columns: Columns, read: Aggregate, step: number): void {
  const at = step * PER_STEP
  const before = columns[at] ?? 0
  columns[at] = before + read.count
  columns[at + 1] = before === 0 ? read.sum : sumOf(columns[at + 1] ?? 0, read.sum)
  columns[at + 2] = before === 0 ? read.min : Math.min(columns[at + 2] ?? 0, read.min)
  columns[at + 3] = before === 0 ? read.max : Math.max(columns[at + 3] ?? 0, read.max)
}

interface Series {
  metrics: readonly string[]
  read: ReadonlyMap<string, Columns>
  steps: readonly Step[]
}

function writeSeries(text: JsonBytes, { metrics, read, steps }: Series): void {
  for (const [place, metric] of metrics.entries()) {
    text.text(`${place === 0 ? "{" : ","}"${metric}":`)
    const columns = read.get(metric)
    if (columns === undefined || !steps.some(({ at }) => isKnown(columns, at))) text.text("[]")
    else writePoints(text, columns, steps)
  }
  text.text("}")
}

function writePoints(text: JsonBytes, columns: Columns, steps: readonly Step[]): void {
  text.bytes(OPEN)
  for (const [place, { at: step, begin }] of steps.entries()) {
    if (place > 0) text.bytes(COMMA)
    text.bytes(begin)
    if (isKnown(columns, step)) writePoint(text, columns, step * PER_STEP)
    else text.bytes(NOTHING)
  }
  text.bytes(CLOSE)
}

function writePoint(text: JsonBytes, columns: Columns, at: number): void {
  const mean = (columns[at + 1] ?? 0) / (columns[at] ?? 1)
  text.number(Math.round(mean * 1e3) / 1e3)
  text.bytes(MIN)
  text.number(columns[at + 2] ?? 0)
  text.bytes(MAX)
  text.number(columns[at + 3] ?? 0)
  text.bytes(END)
}

function isKnown(columns: Columns, step: number): boolean {
  return (columns[step * PER_STEP] ?? 0) > 0
}
