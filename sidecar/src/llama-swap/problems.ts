import { ErrorReply } from "./shapes.ts"
import { jsonOf } from "./messages.ts"
import type { HttpReply } from "./http.ts"

export type ProblemCode =
  "ENGINE_UNAUTHORIZED" | "ENGINE_UNREACHABLE" | "ENGINE_TIMEOUT" | "ENGINE_NOT_LLAMA_SWAP" | "ENGINE_FAILING"

/** Why the engine cannot be asked, in words its operator can act on. */
export class EngineProblem extends Error {
  readonly code: ProblemCode

  constructor(code: ProblemCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = "EngineProblem"
    this.code = code
  }
}

/** The engine answered an action with an error. */
export class EngineRefusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = "EngineRefusal"
    this.status = status
  }
}

/** `url` without what may be secret in it. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`
}

export function unauthorized(url: string, hasKey: boolean): EngineProblem {
  const what = hasKey ? "refuses the API key it is given" : "wants an API key"
  return new EngineProblem(
    "ENGINE_UNAUTHORIZED",
    `llama-swap at ${url} ${what}: set LLAMA_SWAP_API_KEY to one of the apiKeys in its configuration`,
  )
}

/** Failures of the connection itself, told apart by their code and never by their text. */
export function problemOf(error: unknown, url: string): EngineProblem {
  if (error instanceof EngineProblem) return error
  const { code, name } = codesOf(error)
  if (name === "TimeoutError" || name === "AbortError" || code === "ETIMEDOUT")
    return new EngineProblem("ENGINE_TIMEOUT", `llama-swap at ${url} does not answer in time`, error)
  const why =
    {
      ECONNREFUSED: "nothing listens there",
      ENOTFOUND: "the name is not known",
      EAI_AGAIN: "the name cannot be looked up",
      EHOSTUNREACH: "no route leads there",
      ENETUNREACH: "no route leads there",
      ECONNRESET: "the connection was cut",
    }[code] ??
    (code || "the connection failed")
  return new EngineProblem(
    "ENGINE_UNREACHABLE",
    `llama-swap at ${url} cannot be reached (${why}): start it, or correct LLAMA_SWAP_URL`,
    error,
  )
}

function codesOf(error: unknown): { code: string; name: string } {
  if (!(error instanceof Error)) return { code: "", name: "" }
  const code = "code" in error && typeof error.code === "string" ? error.code : ""
  return { code, name: error.name }
}

/** What an error answer says, whichever shape this version gives it. */
export function errorTextOf(reply: HttpReply): string {
  const parsed = ErrorReply.safeParse(jsonOf(reply.body))
  if (parsed.success) {
    const { error } = parsed.data
    return typeof error === "string" ? error : error.message
  }
  const text = reply.body.trim().slice(0, 300)
  return text === "" || text.startsWith("<") ? `HTTP ${reply.status}` : text
}
