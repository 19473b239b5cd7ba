import type { FastifyInstance, FastifyRequest, FastifySchema } from "fastify"
import * as z from "zod/mini"
import { BooError, toErrorBody } from "@boocontrol/shared/errors"
import { foreignError } from "./foreign-errors.ts"

// Without a locale zod/mini says only "Invalid input", which tells nobody what would be valid.
z.config(z.locales.en())

type Place = "query" | "body" | "path"

/** Reads `request.query`; throws BAD_REQUEST that names the parameter, what was given, and what is allowed. */
export function parseQuery<S extends z.ZodMiniType>(schema: S, value: unknown): z.output<S> {
  return parse(schema, value ?? {}, "query")
}

/** Reads `request.body`, as `parseQuery` does. */
export function parseBody<S extends z.ZodMiniType>(schema: S, value: unknown): z.output<S> {
  return parse(schema, value, "body")
}

/** Reads `request.params`, as `parseQuery` does. */
export function parseParams<S extends z.ZodMiniType>(schema: S, value: unknown): z.output<S> {
  return parse(schema, value, "path")
}

function parse<S extends z.ZodMiniType>(schema: S, value: unknown, place: Place): z.output<S> {
  const odd = unstorableIn(value)
  if (odd !== null) {
    const problem = "it holds NUL or half of a character, which Postgres does not take"
    throw new BooError("BAD_REQUEST", { where: nameOf(place, odd), problem })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw badRequest(parsed.error, { schema, value, place })
}

/** Where the first text is that Postgres refuses, wherever it is compared or stored; null: nowhere. */
function unstorableIn(value: unknown, path: readonly PropertyKey[] = []): PropertyKey[] | null {
  if (typeof value === "string") return value.includes("\0") || !value.isWellFormed() ? [...path] : null
  if (typeof value !== "object" || value === null) return null
  for (const [key, inner] of Object.entries(value)) {
    const odd = unstorableIn(inner, [...path, Array.isArray(value) ? Number(key) : key])
    if (odd !== null) return odd
  }
  return null
}

interface Rejected {
  schema: z.ZodMiniType
  value: unknown
  place: Place
}

function badRequest(error: z.core.$ZodError, { schema, value, place }: Rejected): BooError {
  const issue = error.issues[0]
  if (!issue) return new BooError("BAD_REQUEST", { where: place, problem: "not valid" }, error)
  if (issue.code === "unrecognized_keys" && issue.path.length === 0) {
    const allowed = schema instanceof z.ZodMiniObject ? Object.keys(schema.shape) : []
    const problem = `there is no such parameter; allowed are ${allowed.join(", ")}`
    return new BooError("BAD_REQUEST", { where: nameOf(place, issue.keys.slice(0, 1)), problem }, error)
  }
  const given = issue.path.reduce<unknown>(memberOf, value)
  const shown = given === undefined ? "nothing" : JSON.stringify(given).slice(0, 200)
  const problem = `${issue.message}; given was ${shown}`
  return new BooError("BAD_REQUEST", { where: nameOf(place, issue.path), problem }, error)
}

function nameOf(place: Place, path: readonly PropertyKey[]): string {
  const name = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("")
  return name ? `${place} parameter ${name.replace(/^\./, "")}` : place
}

function memberOf(value: unknown, key: PropertyKey): unknown {
  // A parameter that may be repeated is a list to its schema, also where it was given once.
  if (key === 0 && typeof value === "string") return value
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined
}

export interface RouteDescription {
  summary: string
  tags?: string[]
  querystring?: z.ZodMiniType
  params?: z.ZodMiniType
  body?: z.ZodMiniType
  /** Body of the 200 answer, or bodies by status. */
  response?: z.ZodMiniType | Record<number, z.ZodMiniType>
}

interface DescribedSchema extends FastifySchema {
  summary: string
  tags?: string[]
}

/**
 * Options of a route for the OpenAPI page: `app.get("/x", describeRoute({ ... }), handler)`. It documents and checks
 * nothing: handlers parse with `parseQuery` and its like, so that there is one judge of what is valid.
 */
export function describeRoute(description: RouteDescription): { schema: DescribedSchema } {
  const { summary, tags, querystring, params, body, response } = description
  return {
    schema: {
      summary,
      ...(tags && { tags }),
      ...(querystring && { querystring: jsonSchemaOf(querystring, "input") }),
      ...(params && { params: jsonSchemaOf(params, "input") }),
      ...(body && { body: jsonSchemaOf(body, "input") }),
      ...(response && { response: responsesOf(response) }),
    },
  }
}

function responsesOf(response: z.ZodMiniType | Record<number, z.ZodMiniType>): Record<string, unknown> {
  const byStatus = response instanceof z.ZodMiniType ? { 200: response } : response
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, schema]) => [
      status,
      { description: Number(status) < 400 ? "Done" : "Refused", ...jsonSchemaOf(schema, "output") },
    ]),
  )
}

function jsonSchemaOf(schema: z.ZodMiniType, io: "input" | "output"): Record<string, unknown> {
  const { $schema: _draft, ...json } = z.toJSONSchema(schema, {
    io,
    target: "draft-7",
    unrepresentable: "any",
  })
  return json
}

/** Makes every reply that is an error an `ErrorBody`, and turns off checks that would judge beside `parseQuery`. */
export function installHttpRules(app: FastifyInstance): void {
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  app.setNotFoundHandler((request, reply) => {
    const error = new BooError("ROUTE_NOT_FOUND", { method: request.method, path: pathOf(request) })
    return reply.code(error.status).send(toErrorBody(error))
  })
  app.setErrorHandler((thrown, request, reply) => {
    // What was to be a file is none.
    reply.type("application/json; charset=utf-8").removeHeader("content-disposition")
    const error = thrown instanceof BooError ? thrown : foreignError(thrown)
    if (error) return reply.code(error.status).send(toErrorBody(error))
    request.log.error({ err: thrown, request_id: request.id }, "a request failed")
    const internal = new BooError("INTERNAL", { request_id: request.id }, thrown)
    return reply.code(internal.status).send(toErrorBody(internal))
  })
}

function pathOf(request: FastifyRequest): string {
  return request.url.split("?", 1)[0] ?? request.url
}
