import { SourceLabel } from "./ids.ts"

export const SOURCE_HEADER = "x-boo-source"

/** Enough of `fetch` for every SDK that takes one. */
type Fetch<Input, Init, Reply> = (input: Input, init?: Init) => Promise<Reply>

interface WithHeaders {
  headers?: unknown
}

/**
 * A `fetch` that says who asks, call by call: nothing is changed in the client or the request that is given, so a client
 * that is cached and shared cannot carry one caller's label to another. A label that a call has already stands.
 */
export function withBooSource<Input, Init extends WithHeaders, Reply>(
  fetch: Fetch<Input, Init, Reply>,
  label: string,
): Fetch<Input, Init, Reply> {
  const source = SourceLabel.parse(label)
  return (input, init) => {
    const headers = pairsOf(init?.headers ?? headersOf(input))
    if (headers.some(([name]) => name.toLowerCase() === SOURCE_HEADER)) return fetch(input, init)
    return fetch(input, {
      ...init,
      headers: Object.fromEntries([...headers, [SOURCE_HEADER, source]]),
    } as Init)
  }
}

/** A `Request` brings headers of its own, which those of `init` would replace as a whole. */
function headersOf(input: unknown): unknown {
  return typeof input === "object" && input !== null && "headers" in input ? input.headers : undefined
}

/** Headers in any of the three ways that fetch takes them. */
function pairsOf(headers: unknown): [string, string][] {
  if (typeof headers !== "object" || headers === null) return []
  const pairs: unknown[] = isIterable(headers) ? [...headers] : Object.entries(headers)
  return pairs.flatMap((pair): [string, string][] =>
    Array.isArray(pair) && pair[1] !== undefined ? [[String(pair[0]), String(pair[1])]] : [],
  )
}

function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value && typeof value[Symbol.iterator] === "function"
}
