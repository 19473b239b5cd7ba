import type { ErrorBody } from "@boocontrol/shared/errors"
import { inject } from "vue"
import type { InjectionKey } from "vue"
import type * as z from "zod/mini"

export type Query = Readonly<Record<string, string | number | readonly string[] | null | undefined>>

/** A reply that is not what was asked for: the hub's own words where it gave any. */
export class ApiError extends Error {
  readonly code: string
  /** HTTP status; null where no reply came at all. */
  readonly status: number | null
  readonly body: ErrorBody | null

  constructor(
    message: string,
    given: { code: string; status: number | null; body?: ErrorBody; cause?: unknown },
  ) {
    super(message, given.cause === undefined ? undefined : { cause: given.cause })
    this.name = "ApiError"
    this.code = given.code
    this.status = given.status
    this.body = given.body ?? null
  }
}

export interface Api {
  /** The schema of the reply, or what fetches it: it then comes while the reply is on its way. */
  get<T extends z.ZodMiniType>(path: string, reply: ReplySchema<T>, given?: RequestGiven): Promise<z.infer<T>>
  /** The reply's body is not looked at: what changed comes as a frame. */
  put(path: string, body: unknown): Promise<void>
  /** As `put`, for a part. */
  patch(path: string, body: unknown): Promise<void>
  /** Asks for something to be done and reads what came of it. */
  post<T extends z.ZodMiniType>(path: string, reply: ReplySchema<T>, body?: unknown): Promise<z.infer<T>>
  /** The reply's body is not looked at. */
  remove(path: string): Promise<void>
  /** Full address of a route, for a link. */
  href(path: string, query?: Query): string
}

export type ReplySchema<T> = T | (() => Promise<T>)

interface RequestGiven {
  readonly query?: Query
  readonly signal?: AbortSignal
  /** A status beside those of success whose body is the reply. */
  readonly alsoReply?: number
}

interface ApiDeps {
  readonly request?: typeof fetch
  /** The hub wants to know who asks. */
  readonly refused?: () => void
}

export function createApi(
  baseUrl: string,
  { request = (...given) => fetch(...given), refused }: ApiDeps = {},
): Api {
  const href = (path: string, query: Query = {}) => `${baseUrl}${path}${queryText(query)}`

  async function call(url: string, init: RequestInit, alsoReply?: number): Promise<Response> {
    let reply: Response
    try {
      reply = await request(url, init)
    } catch (cause) {
      if (init.signal?.aborted) throw cause
      throw new ApiError("The hub does not answer", { code: "UNREACHABLE", status: null, cause })
    }
    if (reply.status === 401) refused?.()
    if (!reply.ok && reply.status !== alsoReply) throw await errorOf(reply)
    return reply
  }

  async function read<T extends z.ZodMiniType>(
    path: string,
    schema: ReplySchema<T>,
    asked: Promise<Response>,
  ): Promise<z.infer<T>> {
    const [reply, known] = await Promise.all([asked, typeof schema === "function" ? schema() : schema])
    const parsed = known.safeParse(await readJson(reply))
    if (parsed.success) return parsed.data
    throw new ApiError(`The hub's reply to ${path} is not understood here: reload the page`, {
      code: "REPLY_REJECTED",
      status: reply.status,
      cause: parsed.error,
    })
  }

  return {
    href,
    get(path, schema, given = {}) {
      const init: RequestInit = given.signal ? { signal: given.signal } : {}
      return read(path, schema, call(href(path, given.query), init, given.alsoReply))
    },
    post(path, schema, body = {}) {
      const headers = { "content-type": "application/json" }
      return read(path, schema, call(href(path), { method: "POST", headers, body: JSON.stringify(body) }))
    },
    async remove(path) {
      await call(href(path), { method: "DELETE" })
    },
    async patch(path, body) {
      const headers = { "content-type": "application/json" }
      await call(href(path), { method: "PATCH", headers, body: JSON.stringify(body) })
    },
    async put(path, body) {
      const headers = { "content-type": "application/json" }
      await call(href(path), { method: "PUT", headers, body: JSON.stringify(body) })
    },
  }
}

async function readJson(reply: Response): Promise<unknown> {
  try {
    return await reply.json()
  } catch {
    return undefined
  }
}

async function errorOf(reply: Response): Promise<ApiError> {
  const { ErrorBody } = await import("./schemas.ts")
  const body = ErrorBody.safeParse(await readJson(reply))
  if (!body.success)
    return new ApiError(`The hub answered ${reply.status}`, { code: "HTTP", status: reply.status })
  return new ApiError(body.data.error, { code: body.data.code, status: reply.status, body: body.data })
}

function queryText(query: Query): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === "") continue
    for (const one of Array.isArray(value) ? value : [value]) params.append(name, String(one))
  }
  const text = params.toString()
  return text === "" ? "" : `?${text}`
}

export const API: InjectionKey<Api> = Symbol("api")

export function useApi(): Api {
  const api = inject(API)
  if (!api) throw new Error("no api was provided")
  return api
}
