import * as z from "zod/mini"

interface ErrorSpec {
  /** HTTP status of a reply that carries this error. */
  readonly status: number
  /** Whether the same call may succeed later without being changed. */
  readonly retryable: boolean
  /** The same call with `confirm=true` is done all the same. */
  readonly needsConfirmation?: true
  /** What happened, to what, and what to do. `{name}` is filled from the error's details. */
  readonly message: string
}

/** Every failure the system can answer with, once. `shared/ERRORS.md` is the operator's copy; a test keeps both equal. */
export const ERRORS = {
  BAD_REQUEST: { status: 400, retryable: false, message: "{where} is not valid: {problem}" },
  BAD_CURSOR: {
    status: 400,
    retryable: false,
    message: "cursor is not one this hub gave out: leave it away to start at the newest row",
  },
  ORIGIN_REFUSED: {
    status: 403,
    retryable: false,
    message:
      "Origin {origin} is not this cockpit's own address: open the cockpit at the address it is served from, or list the origin in BOO_GATEWAY_ORIGINS if its pages are to use the gateway",
  },
  HOST_REFUSED: {
    status: 403,
    retryable: false,
    message:
      "Host {host} is not an address of this hub: use the address it listens on, or name the proxy in BOO_TRUSTED_PROXY",
  },
  PROXY_HEADER_REFUSED: {
    status: 403,
    retryable: false,
    message:
      "{header} came from {address}, which is not in BOO_TRUSTED_PROXY: only the proxy may say who somebody is",
  },
  UNAUTHORIZED: {
    status: 401,
    retryable: false,
    message: "A token is needed: send 'Authorization: Bearer <token>'",
  },
  TOKEN_REFUSED: {
    status: 401,
    retryable: false,
    message: "This token {problem}: make one with 'boocontrol-hub token create'",
  },
  READ_ONLY_TOKEN: {
    status: 403,
    retryable: false,
    message: "The token {label} may only read, so {method} {path} was not done: use one of role admin",
  },
  JSON_REQUIRED: {
    status: 415,
    retryable: false,
    message: "Writes need content-type application/json, not {contentType}",
  },
  ROUTE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: "{method} {path} does not exist: see /api/docs",
  },
  HOST_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: "No host {host}. Known hosts: {known}",
  },
  HOST_EXISTS: { status: 409, retryable: false, message: "Host {host} is registered already" },
  ENROLMENT_REFUSED: {
    status: 403,
    retryable: false,
    message: "This enrolment token {problem}: get a new one with 'boocontrol-hub host add <id>'",
  },
  HOST_OFFLINE: {
    status: 409,
    retryable: true,
    message: "host offline: {host} is {liveness}, so its engine cannot be asked",
  },
  HOST_ID_TAKEN: {
    status: 409,
    retryable: true,
    message:
      "Host id {host} is held by another sidecar ({holder}): give this one its own BOO_HOST_ID, or stop the other",
  },
  MODEL_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: "Host {host} has no model {model}. It has: {known}",
  },
  COMMAND_MISADDRESSED: {
    status: 409,
    retryable: true,
    message: "Command {verb} is for another sidecar than the one that speaks for {host}: nothing was done",
  },
  COMMAND_LATE: {
    status: 409,
    retryable: true,
    message: "Command {verb} reached {host} after its deadline {deadline}: nothing was done",
  },
  COMMAND_UNANSWERED: {
    status: 504,
    retryable: true,
    message: "The sidecar of {host} does not answer {verb}: look whether it runs, then try again",
  },
  COMMAND_INTERRUPTED: {
    status: 502,
    retryable: false,
    message: "The sidecar of {host} ended while it did {verb}: what came of it is not known",
  },
  COMMAND_FAILED: { status: 502, retryable: false, message: "{verb} failed on {host}: {problem}" },
  BENCH_IN_PROGRESS: {
    status: 409,
    retryable: true,
    needsConfirmation: true,
    message: "bench in progress",
  },
  QUEUE_FULL: {
    status: 429,
    retryable: true,
    message: "{depth} actions wait on {host} already: see details.queue, and ask again when one is done",
  },
  LEASE_HELD: {
    status: 409,
    retryable: true,
    message:
      "Host {host} is held by {holder} for {purpose} until {expires_at}: wait with wait_s, or try again then",
  },
  LEASE_NOT_DRAINED: {
    status: 409,
    retryable: true,
    message:
      "Host {host} still answers {inflight} requests after {wait_s} s: the lease was not taken, try again with a longer wait_s",
  },
  LEASE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: "There is no lease {lease_id}. In force are: {known}",
  },
  LEASE_LOST: {
    status: 409,
    retryable: false,
    message: "Lease {lease_id} on {host} is {lost_as}; the host is held by {holder} now",
  },
  LEASE_TOKEN_STALE: {
    status: 409,
    retryable: false,
    message: "Token {token} is not that of lease {lease_id} on {host}; the host is held by {holder} now",
  },
  LEASE_FENCED: {
    status: 409,
    retryable: false,
    message:
      "Fencing token {token} is older than {newest}: the lease on {host} was lost, and nothing was done",
  },
  REQUEST_NOT_IN_FLIGHT: {
    status: 404,
    retryable: false,
    message: "Request {inflight_id} that began at {started_at} is not in flight on {host} any more",
  },
  PROFILE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: "Host {host} has no profile {profile}. It has: {known}",
  },
  KEY_NOT_FOUND: { status: 404, retryable: false, message: "No gateway key {key}, or it was revoked before" },
  REQUEST_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: "No request {id} is stored: it was never here, or its day is over (RETAIN_ACTIVITY_DAYS)",
  },
  CAPTURE_NOT_STORED: {
    status: 404,
    retryable: false,
    message:
      "No capture of {id} is stored: a POST to the same address fetches it while its engine still has it",
  },
  CAPTURE_NEVER_MADE: {
    status: 404,
    retryable: false,
    message:
      "llama-swap on {host} made no capture of {id}: captureBuffer is 0 there, or the request had no answer",
  },
  CAPTURE_EVICTED: {
    status: 410,
    retryable: false,
    message:
      "The stored capture of {id} was evicted at {evicted_at}, to keep all within {budget_mb} MB: raise CAPTURE_BUDGET_MB to keep more",
  },
  CAPTURE_GONE: {
    status: 410,
    retryable: false,
    message:
      "llama-swap on {host} evicted the capture of entry {entry}: it keeps the newest ones in memory, until it restarts or reloads. To keep more, raise captureBuffer (MB) in its configuration, or have CAPTURE_POLICY store them at once",
  },
  CAPTURE_NOT_FETCHED: {
    status: 502,
    retryable: true,
    message: "The capture of {id} could not be fetched from {host}: {problem}",
  },
  POLICY_NOT_FOUND: { status: 404, retryable: false, message: "No policy {policy}. Known policies: {known}" },
  POLICY_EXISTS: {
    status: 409,
    retryable: false,
    message: "Policy {policy} exists already: change it, or give this one another name",
  },
  POLICY_CHANGED: {
    status: 409,
    retryable: true,
    message: "Policy {policy} was saved by somebody else since version {version}: load it again",
  },
  POLICY_INVALID: { status: 400, retryable: false, message: "The policy is not valid: {problem}" },
  TARGET_NOT_FOUND: { status: 404, retryable: false, message: "No target {target}. Known targets: {known}" },
  TARGET_EXISTS: {
    status: 409,
    retryable: false,
    message: "{target} is {what} already: hosts and targets share one name space",
  },
  ENVELOPE_REJECTED: {
    status: 422,
    retryable: false,
    message: "A message on {subject} was rejected: {problem}",
  },
  ENVELOPE_VERSION: {
    status: 422,
    retryable: false,
    message: "Envelope version {version} on {subject} is not known here: update the hub or the sidecar",
  },
  TOO_LARGE: { status: 413, retryable: false, message: "{what} is larger than {limit}" },
  DATABASE_DOWN: {
    status: 503,
    retryable: true,
    message: "Postgres does not answer: nothing is lost, hosts spool until it is back",
  },
  NATS_DOWN: {
    status: 503,
    retryable: true,
    message: "NATS does not answer: hosts spool, what is shown is the last known state",
  },
  INTERNAL: {
    status: 500,
    retryable: false,
    message: "The hub failed: the log has the details under {request_id}",
  },
} as const satisfies Record<string, ErrorSpec>

export type ErrorCode = keyof typeof ERRORS
export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[]

export type ErrorDetails = Readonly<Record<string, unknown>>

/** The one error class: a code of the registry, the details that fill its message, and what caused it. */
export class BooError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown) {
    super(fillMessage(ERRORS[code].message, details), cause === undefined ? undefined : { cause })
    this.name = "BooError"
    this.code = code
    this.details = details
  }

  get status(): number {
    return ERRORS[this.code].status
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }
}

/** Body of every HTTP error reply. `origin` says who failed. */
export const ErrorBody = z.object({
  error: z.string(),
  code: z.string(),
  origin: z.enum(["hub", "engine", "host"]),
  details: z.optional(z.record(z.string(), z.unknown())),
  requiresConfirmation: z.optional(z.boolean()),
})
export type ErrorBody = z.infer<typeof ErrorBody>

/** Reply to a bad request on NATS. */
export const NatsErrorReply = z.object({
  error: z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }),
})
export type NatsErrorReply = z.infer<typeof NatsErrorReply>

export function toErrorBody(error: BooError): ErrorBody {
  return {
    error: error.message,
    code: error.code,
    origin: "hub",
    ...("needsConfirmation" in ERRORS[error.code] ? { requiresConfirmation: true } : {}),
    ...(Object.keys(error.details).length > 0 ? { details: error.details } : {}),
  }
}

export function toNatsError(error: BooError): NatsErrorReply {
  return { error: { code: error.code, message: error.message, retryable: error.retryable } }
}

function fillMessage(template: string, details: ErrorDetails): string {
  return template.replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value = details[name]
    if (value === undefined) return whole
    if (Array.isArray(value)) return value.length > 0 ? value.join(", ") : "none"
    return typeof value === "string" ? value : JSON.stringify(value)
  })
}
