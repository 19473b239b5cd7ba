import type { AnthropicError, OpenAiError, PassedOver, RefusalCode } from "@boocontrol/shared/gateway"
import type { Api } from "./endpoints.ts"

/** What goes wrong with a request before or at the gateway, in the words of the API that is spoken. */
export interface GatewayProblem {
  readonly status: number
  /** In OpenAI's and llama-swap's words; Anthropic's follow from the status. */
  readonly type: string
  readonly code: string
  readonly message: string
  readonly reason?: string
  readonly param?: string
  readonly candidates?: readonly PassedOver[]
  /** Null: nothing that waits can help, and clients are told not to try again by themselves. */
  readonly retryAfterS?: number | null
}

export function isProblem(value: object): value is GatewayProblem {
  return "status" in value && "code" in value
}

const REFUSALS: Record<RefusalCode, { status: number; type: string; code: string }> = {
  no_model: { status: 404, type: "invalid_request_error", code: "no_model" },
  no_context_fit: { status: 400, type: "invalid_request_error", code: "no_context_fit" },
  full: { status: 429, type: "rate_limit_error", code: "full" },
  offline: { status: 503, type: "server_error", code: "gateway_error" },
  unhealthy: { status: 503, type: "server_error", code: "gateway_error" },
  leased: { status: 503, type: "server_error", code: "gateway_error" },
  not_loaded: { status: 409, type: "conflict_error", code: "not_loaded" },
}

export interface RefusalFacts {
  readonly code: RefusalCode
  readonly reason: string
  readonly retryAfterS: number | null
  readonly candidates: readonly PassedOver[]
}

/** `reason` names which of the three `gateway_error` is; the message says it in words. */
export function refusalProblem({ code, reason, retryAfterS, candidates }: RefusalFacts): GatewayProblem {
  const retry = code === "full" ? (retryAfterS ?? 1) : retryAfterS
  // A name that leads nowhere: whoever asked finds the ones that do.
  const isUnknown = code === "no_model" && candidates.length === 0
  const message = isUnknown ? `${reason}: GET /v1/models lists what there is` : reason
  return { ...REFUSALS[code], message, reason: code, candidates, retryAfterS: retry }
}

export const problems = {
  badRequest: (message: string, code = "bad_request", param?: string): GatewayProblem => ({
    ...{ status: 400, type: "invalid_request_error", code, message },
    ...(param !== undefined && { param }),
  }),
  noModel: (): GatewayProblem => ({
    ...problems.badRequest(
      'The request names no model: put "model" into the body',
      "no_model_named",
      "model",
    ),
  }),
  notServed: (method: string, path: string, allowed: string | null): GatewayProblem => ({
    status: allowed === null ? 404 : 405,
    type: "invalid_request_error",
    code: "not_served",
    message:
      allowed === null
        ? `${method} ${path} is not served here: see the gateway's page of the documentation`
        : `${path} takes ${allowed}, not ${method}`,
  }),
  tooLarge: (limitMib: number): GatewayProblem => ({
    ...{ status: 413, type: "invalid_request_error", code: "too_large" },
    message: `The body is larger than ${limitMib} MiB`,
  }),
  tooSlow: (): GatewayProblem => ({
    ...{ status: 408, type: "invalid_request_error", code: "too_slow" },
    message: "The body did not arrive in time",
  }),
  unauthorized: (message: string, code = "unauthorized"): GatewayProblem => ({
    ...{ status: 401, type: "authentication_error", code, message },
  }),
  forbidden: (message: string, code: string): GatewayProblem => ({
    ...{ status: 403, type: "permission_error", code, message },
  }),
  staleLease: (lease: string): GatewayProblem => ({
    ...{ status: 409, type: "conflict_error", code: "lease_stale", retryAfterS: null },
    message: `The token given with lease ${lease} is not, or no longer, the lease's: acquire a lease again, or send none`,
  }),
  limited: (message: string, code: string, retryAfterS: number | null): GatewayProblem => ({
    ...{ status: 429, type: "rate_limit_error", code, message, retryAfterS },
  }),
  alreadyRouted: (id: string): GatewayProblem => ({
    ...problems.badRequest(
      `This request was routed already (${id}) and is not routed again: a host of the fleet forwards to this gateway`,
      "already_routed",
    ),
  }),
  busy: (): GatewayProblem => ({
    ...{ status: 503, type: "server_error", code: "gateway_error", reason: "full", retryAfterS: 1 },
    message: "The gateway holds as many large bodies as it may: try again in a moment",
  }),
  upstream: (message: string, code: string, status = 502): GatewayProblem => ({
    ...{ status, type: "server_error", code, message, reason: "unhealthy" },
  }),
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  405: "invalid_request_error",
  408: "invalid_request_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
}

export function errorBody(
  api: Api,
  problem: GatewayProblem,
  requestId: string | null,
): OpenAiError | AnthropicError {
  const { message, type, code, reason, candidates, param = null, status } = problem
  const facts = {
    code,
    ...(reason !== undefined && { reason }),
    ...(candidates && { candidates: [...candidates] }),
  }
  if (api === "openai") return { error: { message, type, param, ...facts } }
  return {
    type: "error",
    error: { type: ANTHROPIC_TYPES[status] ?? "api_error", message, ...facts },
    request_id: requestId,
  }
}
