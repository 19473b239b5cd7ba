import { Readable } from "node:stream"
import { MAX_BODY_BYTES } from "./body.ts"
import type { ReadBody } from "./body.ts"
import type { Forward } from "./core/endpoints.ts"

export interface UpstreamBody {
  readonly body: Buffer | Readable | null
  /** To be said in a header, where the connection cannot know it. */
  readonly length: number | null
}

export interface BodyEvents {
  /** The part that cannot be sent a second time has begun to flow. */
  spent(): void
  /** More came than any body may have: nothing of it goes on. */
  tooLarge(): void
}

/** The body with the name the host knows. */
export function upstreamBody(body: ReadBody, model: string, { spent, tooLarge }: BodyEvents): UpstreamBody {
  const head = body.named(model)
  const { rest } = body
  if (rest === null) return { body: head.length === 0 ? null : head, length: null }
  async function* all(): AsyncGenerator<Buffer> {
    yield head
    spent()
    if (rest === null) return
    let bytes = body.head.length
    for await (const chunk of rest as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MAX_BODY_BYTES) return tooLarge()
      yield chunk
    }
  }
  const length = body.bytes === null ? null : body.bytes - body.head.length + head.length
  return { body: Readable.from(all(), { objectMode: false, highWaterMark: 256 * 1024 }), length }
}

/** Where the model stands in the path or in the query, it is named there. */
export function upstreamPath(
  { path: target, upstream }: Pick<Forward, "path" | "upstream">,
  from: string,
  to: string,
): string {
  if (upstream !== null) return `/upstream/${to.split("/").map(encodeURIComponent).join("/")}${upstream.rest}`
  const mark = target.indexOf("?")
  if (mark === -1 || from === to) return target
  const query = new URLSearchParams(target.slice(mark + 1))
  if (query.get("model") === null) return target
  query.set("model", to)
  return `${target.slice(0, mark)}?${query.toString()}`
}
