import * as z from "zod/mini"
import { Column, packColumn, unpackColumn, widthIn } from "./column.ts"
import type { Scalar } from "./column.ts"

export type Json = Scalar | Json[] | { [key: string]: Json }

/**
 * What the documents of a chunk have in common, by shape: those of one shape differ in scalars only. `parts` is their
 * text around the places that differ, one part more than there are columns.
 */
export const ChunkHead = z.object({
  v: z.literal(1),
  shapes: z.array(z.object({ n: z.int(), parts: z.array(z.string()), columns: z.array(Column) })),
})
export type ChunkHead = z.infer<typeof ChunkHead>

/** Documents, column by column. Their order is not kept: each says itself what it is about. */
export interface Chunk {
  head: ChunkHead
  body: Uint8Array
}

interface Shape {
  n: number
  parts: string[]
  columns: Scalar[][]
}

/** Takes documents one by one, so that a host's hour need not be in memory as a whole, nor be packed in one go. */
export function chunkPacker(): { add(doc: Json): void; packing(): Generator<void, Chunk> } {
  const shapes = new Map<string, Shape>()
  return {
    add(doc) {
      const parts: string[] = [""]
      const leaves: Scalar[] = []
      write(doc, parts, leaves)
      const key = parts.join("\n")
      let shape = shapes.get(key)
      if (!shape) shapes.set(key, (shape = { n: 0, parts, columns: leaves.map(() => []) }))
      shape.n++
      for (let n = 0; n < leaves.length; n++) shape.columns[n]?.push(leaves[n] ?? null)
    },
    // Column by column: who has other things to do goes on with the next one later.
    *packing() {
      const bodies: Uint8Array[] = []
      const head: ChunkHead = { v: 1, shapes: [] }
      for (const shape of shapes.values()) head.shapes.push(yield* packShape(shape, bodies))
      return { head, body: Buffer.concat(bodies) }
    },
  }
}

export function packChunk(docs: readonly Json[]): Chunk {
  const packer = chunkPacker()
  for (const doc of docs) packer.add(doc)
  const packing = packer.packing()
  for (;;) {
    const step = packing.next()
    if (step.done === true) return step.value
  }
}

/** Text with a break at every scalar. */
function write(value: Json, parts: string[], leaves: Scalar[]): void {
  const text = (more: string): void => {
    parts[parts.length - 1] += more
  }
  if (value === null || typeof value !== "object") {
    leaves.push(value)
    parts.push("")
  } else if (Array.isArray(value)) {
    value.forEach((item, n) => {
      text(n === 0 ? "[" : ",")
      write(item, parts, leaves)
    })
    text(value.length === 0 ? "[]" : "]")
  } else {
    const keys = Object.keys(value)
    keys.forEach((key, n) => {
      text(`${n === 0 ? "{" : ","}${JSON.stringify(key)}:`)
      write(value[key] ?? null, parts, leaves)
    })
    text(keys.length === 0 ? "{}" : "}")
  }
}

/** What is the same in all documents goes into the text. */
function* packShape(
  { n, parts, columns }: Shape,
  bodies: Uint8Array[],
): Generator<void, ChunkHead["shapes"][number]> {
  const [firstPart = ""] = parts
  const packed = { n, parts: [firstPart], columns: [] as Column[] }
  for (const [place, values] of columns.entries()) {
    const [first = null] = values
    const after = parts[place + 1] ?? ""
    if (values.every((value) => value === first)) {
      packed.parts[packed.parts.length - 1] += JSON.stringify(first) + after
      continue
    }
    const { column, bytes } = packColumn(values)
    bodies.push(bytes)
    packed.columns.push(column)
    packed.parts.push(after)
    yield
  }
  return packed
}

/** What is wanted of a chunk, by the number that its documents begin with. */
export interface Wanted {
  key: string
  keep(value: number): boolean
}

/**
 * The documents again. Of a shape whose documents do not differ in what they begin with, all of them. Made from the
 * shape rather than from text: a chart of days is some hundred thousand numbers.
 */
export function unpackChunk({ head, body }: Chunk, wanted?: Wanted): Json[] {
  let offset = 0
  const docs: Json[] = []
  for (const { n, parts, columns } of head.shapes) {
    const values = columns.map((column) => {
      const unpacked = unpackColumn(column, { bytes: body, offset, count: n })
      offset += widthIn(column) * n
      return unpacked
    })
    const make = makerOf(parts)
    const firsts = wanted && parts[0] === `{${JSON.stringify(wanted.key)}:` ? values[0] : undefined
    for (let doc = 0; doc < n; doc++) {
      if (firsts && wanted?.keep(Number(firsts[doc])) !== true) continue
      docs.push(make(values, doc))
    }
  }
  return docs
}

type Maker = (values: readonly (readonly Scalar[])[], doc: number) => Json

/** Makes documents of one shape: what differs is found by its place. */
function makerOf(parts: readonly string[]): Maker {
  // No number of a document is one of these: they stand for columns in a text that has no other place for them.
  const mark = markOf(parts)
  const text = parts.reduce((all, part, place) => `${all}${JSON.stringify(`${mark}${place - 1}`)}${part}`)
  return makerOfValue(JSON.parse(text) as Json, mark)
}

/** A text that none of the parts contains. */
function markOf(parts: readonly string[]): string {
  let mark = "column "
  while (parts.some((part) => part.includes(mark))) mark += "-"
  return mark
}

function makerOfValue(value: Json, mark: string): Maker {
  if (typeof value === "string" && value.startsWith(mark)) {
    const place = Number(value.slice(mark.length))
    return (values, doc) => values[place]?.[doc] ?? null
  }
  if (value === null || typeof value !== "object") return () => value
  if (Array.isArray(value)) {
    const makers = value.map((item) => makerOfValue(item, mark))
    return (values, doc) => makers.map((make) => make(values, doc))
  }
  const makers = Object.entries(value).map(([key, item]) => [key, makerOfValue(item, mark)] as const)
  return aggregateMaker(makers) ?? objectMaker(makers)
}

type MemberMakers = readonly (readonly [key: string, make: Maker])[]

const AGGREGATE = "max,min,sum,last,count"

/** Most objects of an average are aggregates, with their keys as Postgres has them: one literal, not five members. */
function aggregateMaker(makers: MemberMakers): Maker | null {
  if (makers.map(([key]) => key).join() !== AGGREGATE) return null
  const [max, min, sum, last, count] = makers.map(([, make]) => make)
  if (!max || !min || !sum || !last || !count) return null
  return (values, doc) => ({
    max: max(values, doc),
    min: min(values, doc),
    sum: sum(values, doc),
    last: last(values, doc),
    count: count(values, doc),
  })
}

function objectMaker(makers: MemberMakers): Maker {
  return (values, doc) => {
    const made: Record<string, Json> = {}
    for (const [key, make] of makers) {
      // Only so is this key one like any other.
      if (key === "__proto__") Object.defineProperty(made, key, ownValue(make(values, doc)))
      else made[key] = make(values, doc)
    }
    return made
  }
}

function ownValue(value: Json): PropertyDescriptor {
  return { value, enumerable: true, configurable: true, writable: true }
}
