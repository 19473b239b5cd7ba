import * as z from "zod/mini"

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()])
export type Scalar = z.infer<typeof scalar>

/**
 * Values of one place in many documents, as few bytes each as they need. Stored as JSON beside its bytes, hundreds in a
 * chunk, so the keys are short and what is usual is left out.
 */
export const Column = z.union([
  /** As they are, where nothing else is exact. */
  z.object({ v: z.array(scalar) }),
  /** Few distinct ones: codes of `w` bytes are places in the list. */
  z.object({ w: z.int(), d: z.array(scalar) }),
  z.object({
    /** Numbers, each (b + code) * u / 10 ** s. */
    w: z.int(),
    b: z.optional(z.number()),
    u: z.optional(z.number()),
    s: z.optional(z.number()),
    /** Each is what it adds to the one before, and this is the first one, before it is divided. */
    f: z.optional(z.number()),
    /** Code 0 is null, and every other one is one too high. */
    z: z.optional(z.literal(true)),
  }),
])
export type Column = z.infer<typeof Column>

export interface PackedColumn {
  column: Column
  /** Lowest byte of every code, then the next one of every code, and so on: equal bytes lie beside each other. */
  bytes: Uint8Array
}

const MAX_SCALE = 6
// Below this, a decimal fraction and the binary one next to it are each other's shortest form.
const MAX_EXACT = 1e15
const MAX_WIDTH = 6
const MAX_DISTINCT = 256

export function packColumn(values: readonly Scalar[]): PackedColumn {
  const candidates = [numbersOf(values), distinctOf(values)].filter((candidate) => candidate !== null)
  const costOf = ({ column, codes }: Coded): number =>
    widthIn(column) * codes.length + JSON.stringify(column).length
  const [best] = candidates.sort((a, b) => costOf(a) - costOf(b))
  if (!best) return { column: { v: [...values] }, bytes: new Uint8Array(0) }
  return { column: best.column, bytes: planesOf(best.codes, widthIn(best.column)) }
}

export function widthIn(column: Column): number {
  return "v" in column ? 0 : column.w
}

interface Coded {
  column: Column
  codes: readonly number[]
}

function distinctOf(values: readonly Scalar[]): Coded | null {
  const places = new Map<Scalar, number>()
  const codes: number[] = []
  for (const value of values) {
    const place = places.get(value) ?? places.size
    if (place === MAX_DISTINCT) return null
    places.set(value, place)
    codes.push(place)
  }
  return { column: { w: widthOf(places.size - 1), d: [...places.keys()] }, codes }
}

function numbersOf(values: readonly Scalar[]): Coded | null {
  const known: number[] = []
  for (const value of values) {
    if (typeof value === "number") known.push(value)
    else if (value !== null) return null
  }
  const scaled = wholeNumbersOf(known)
  if (scaled === null) return null
  const { whole, scale } = scaled
  const plain = codesOf(whole)
  if (known.length < values.length) {
    let next = 0
    const codes = values.map((value) => (value === null ? 0 : (plain.codes[next++] ?? 0) + 1))
    return fitting(numberColumn(plain, scale, { w: widthOf(mostOf(codes)), z: true }), codes)
  }
  const [first = 0] = whole
  const steps = codesOf(whole.slice(1).map((value, n) => value - (whole[n] ?? 0)))
  return steps.width < plain.width
    ? fitting(numberColumn(steps, scale, { w: steps.width, f: first }), [0, ...steps.codes])
    : fitting(numberColumn(plain, scale, { w: plain.width }), plain.codes)
}

function fitting(column: Extract<Column, { w: number }>, codes: readonly number[]): Coded | null {
  return column.w <= MAX_WIDTH ? { column, codes } : null
}

function numberColumn<T extends object>({ base, unit }: Codes, scale: number, more: T) {
  return {
    ...more,
    ...(base !== 0 && { b: base }),
    ...(unit !== 1 && { u: unit }),
    ...(scale !== 0 && { s: scale }),
  }
}

// A spread of thousands of arguments is refused by some engines.
function mostOf(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0)
}

/** All of them times the smallest power of ten that makes them whole; null where that is not exact. */
function wholeNumbersOf(values: readonly number[]): { whole: number[]; scale: number } | null {
  let scale = 0
  for (const value of values) {
    while (!isExact(value, scale)) {
      scale++
      if (scale > MAX_SCALE) return null
    }
  }
  const factor = 10 ** scale
  if (!values.every((value) => isExact(value, scale))) return null
  return { whole: values.map((value) => Math.round(value * factor)), scale }
}

function isExact(value: number, scale: number): boolean {
  const factor = 10 ** scale
  const whole = Math.round(value * factor)
  const fits = scale === 0 ? Number.isSafeInteger(whole) : Math.abs(whole) < MAX_EXACT
  return fits && whole / factor === value
}

interface Codes {
  codes: number[]
  base: number
  unit: number
  width: number
}

/** What is above the least of them, in the largest unit that all of it is a multiple of. */
function codesOf(whole: readonly number[]): Codes {
  const least = whole.reduce((a, b) => Math.min(a, b), whole[0] ?? 0)
  // `base` is counted in units as well, so the least has to be a multiple of it too.
  const unit = whole.reduce(greatestCommonDivisor, Math.abs(least)) || 1
  const base = least / unit
  const codes = whole.map((value) => value / unit - base)
  return { codes, base, unit, width: widthOf(mostOf(codes)) }
}

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)]
  while (y > 0) [x, y] = [y, x % y]
  return x
}

function widthOf(code: number): number {
  let width = 0
  for (let left = code; left >= 1; left = Math.floor(left / 256)) width++
  return width
}

function planesOf(codes: readonly number[], width: number): Uint8Array {
  const bytes = new Uint8Array(codes.length * width)
  codes.forEach((code, n) => {
    let left = code
    for (let plane = 0; plane < width; plane++) {
      bytes[plane * codes.length + n] = left % 256
      left = Math.floor(left / 256)
    }
  })
  return bytes
}

/** The values of a column again: `count` of them, their bytes beginning at `offset`. */
export function unpackColumn(
  column: Column,
  { bytes, offset, count }: { bytes: Uint8Array; offset: number; count: number },
): Scalar[] {
  if ("v" in column) return column.v
  const codes = new Float64Array(count)
  for (let plane = column.w - 1; plane >= 0; plane--) {
    const start = offset + plane * count
    for (let n = 0; n < count; n++) codes[n] = (codes[n] ?? 0) * 256 + (bytes[start + n] ?? 0)
  }
  if ("d" in column) return each(codes, (code) => column.d[code] ?? null)
  const { b: base = 0, u: unit = 1, s: scale = 0, f: first } = column
  const factor = 10 ** scale
  if (column.z) return each(codes, (code) => (code === 0 ? null : ((base + code - 1) * unit) / factor))
  if (first === undefined) return each(codes, (code) => ((base + code) * unit) / factor)
  let value = first
  return each(codes, (code, n) => {
    if (n > 0) value += (base + code) * unit
    return value / factor
  })
}

// `Array.from` asks an iterator for each of them, which takes three times as long.
function each(codes: Float64Array, read: (code: number, n: number) => Scalar): Scalar[] {
  const values: Scalar[] = []
  for (let n = 0; n < codes.length; n++) values.push(read(codes[n] ?? 0, n))
  return values
}
