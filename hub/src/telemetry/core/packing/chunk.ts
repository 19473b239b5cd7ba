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
export function chunkPacker(): { add(doc: Json): void; done(): Chunk } {
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
    done() {
      const bodies: Uint8Array[] = []
      const head: ChunkHead = {
        v: 1,
        shapes: [...shapes.values()].map((shape) => packShape(shape, bodies)),
      }
      return { head, body: Buffer.concat(bodies) }
    },
  }
}

export function packChunk(docs: readonly Json[]): Chunk {
  const packer = chunkPacker()
  for (const doc of docs) packer.add(doc)
  return packer.done()
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
function packShape({ n: count, parts, columns }: Shape, bodies: Uint8Array[]): ChunkHead["shapes"][number] {
  const [firstPart = ""] = parts
  const packed = { n: count, parts: [firstPart], columns: [] as Column[] }
  columns.forEach((values, n) => {
    const [first = null] = values
    const after = parts[n + 1] ?? ""
    if (values.every((value) => value === first)) {
      packed.parts[packed.parts.length - 1] += JSON.stringify(first) + after
      return
    }
    const { column, bytes } = packColumn(values)
    bodies.push(bytes)
    packed.columns.push(column)
    packed.parts.push(after)
  })
  return packed
}

/** What is wanted of a chunk, by the number that its documents begin with. */
export interface Wanted {
  key: string
  keep(value: number): boolean
}

/** The documents again, as text. Of a shape whose documents do not differ in what they begin with, all of them. */
export function unpackTexts({ head, body }: Chunk, wanted?: Wanted): string[] {
  let offset = 0
  return head.shapes.flatMap(({ n, parts, columns }) => {
    const values = columns.map((column) => {
      const unpacked = unpackColumn(column, { bytes: body, offset, count: n })
      offset += widthIn(column) * n
      return unpacked
    })
    const firsts = wanted && parts[0] === `{${JSON.stringify(wanted.key)}:` ? values[0] : undefined
    const texts: string[] = []
    for (let doc = 0; doc < n; doc++) {
      if (firsts && wanted?.keep(Number(firsts[doc])) !== true) continue
      let text = parts[0] ?? ""
      for (let place = 0; place < values.length; place++)
        text += JSON.stringify(values[place]?.[doc] ?? null) + (parts[place + 1] ?? "")
      texts.push(text)
    }
    return texts
  })
}

export function unpackChunk(chunk: Chunk, wanted?: Wanted): Json[] {
  return unpackTexts(chunk, wanted).map((text) => JSON.parse(text) as Json)
}
