import { Readable } from "node:stream"
import Fastify from "fastify"
import type { FastifyInstance } from "fastify"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as z from "zod/mini"
import { BooError } from "@boocontrol/shared/errors"
import { ActivityQuery, PerfQuery } from "@boocontrol/shared/http"
import { HostPatch } from "@boocontrol/shared/hosts"
import { describeRoute, installHttpRules, parseBody, parseParams, parseQuery } from "./http.ts"

function problemOf(run: () => unknown): BooError {
  try {
    run()
  } catch (error) {
    if (error instanceof BooError) return error
    throw error
  }
  throw new Error("nothing was refused")
}

const HOST = { provider_id: "gpu-1" }
const LATER = { from: "2026-11-22T09:00:00Z", to: "2026-11-22T08:00:00Z" }

describe("a bad parameter", () => {
  const cases: [string, () => unknown, RegExp][] = [
    ["out of bounds", () => parseQuery(ActivityQuery, { limit: "5000" }), /limit.*1000.*"?5000/],
    ["not a number", () => parseQuery(ActivityQuery, { limit: "many" }), /limit.*from 1 to 1000.*"many"/],
    ["not a time", () => parseQuery(ActivityQuery, { from: "noon" }), /from.*2026-11-22T08:00:00Z.*"noon"/],
    ["unknown", () => parseQuery(ActivityQuery, { modle: "a" }), /modle.*allowed are.*model/],
    ["missing", () => parseQuery(PerfQuery, {}), /provider_id.*nothing/],
    ["one of a list", () => parseQuery(ActivityQuery, { status: ["ok", "bad"] }), /status\[1\].*"bad"/],
    ["in a body", () => parseBody(HostPatch, { tags: "x" }), /body parameter tags.*array.*"x"/],
    ["no body", () => parseBody(HostPatch, undefined), /body.*object.*nothing/],
    ["no such day", () => parseQuery(ActivityQuery, { to: "2026-02-30T00:00:00Z" }), /to.*"2026-02-30/],
    ["before all time", () => parseQuery(PerfQuery, { ...HOST, from: "0000-01-01T00:00:00Z" }), /from.*1970/],
    ["after all time", () => parseQuery(ActivityQuery, { to: "9999-12-31T23:59:59-14:00" }), /to.*9998/],
    [
      "an end before its beginning",
      () => parseQuery(ActivityQuery, LATER),
      /from.*not be after to.*"2026-11-22T09/,
    ],
    ["NUL", () => parseQuery(ActivityQuery, { q: "a\0" }), /query parameter q.*NUL/],
    ["NUL in a list", () => parseQuery(ActivityQuery, { model: ["a", "\0"] }), /model\[1\].*NUL/],
    ["half of a character", () => parseBody(HostPatch, { tags: ["\ud800"] }), /tags\[0\].*half/],
    ["in a path", () => parseParams(z.object({ id: z.uuid() }), { id: "7" }), /path parameter id.*"7"/],
  ]
  it.each(cases)("%s is named with what was given and what is allowed", (_name, run, message) => {
    const error = problemOf(run)
    expect(error.code).toBe("BAD_REQUEST")
    expect(error.message).toMatch(message)
  })
})

describe("an error reply", () => {
  let app: FastifyInstance
  beforeEach(() => {
    app = Fastify({ logger: false })
    installHttpRules(app)
    app.get("/held", () => {
      throw new BooError("HOST_EXISTS", { host: "a" })
    })
    app.get("/broken", () => {
      throw new Error("secret detail")
    })
    app.get("/file", (_request, reply) => {
      async function* none() {
        yield await Promise.reject<string>(Object.assign(new Error("down"), { code: "ECONNREFUSED" }))
      }
      return reply
        .header("content-type", "text/csv")
        .header("content-disposition", "attachment; filename=x.csv")
        .send(Readable.from(none()))
    })
    app.get("/no-database", () => {
      throw Object.assign(new Error("down"), { code: "ECONNREFUSED" })
    })
    app.post(
      "/echo",
      describeRoute({ summary: "Echo", body: z.object({ a: z.int() }) }),
      (request) => request.body,
    )
  })
  afterEach(() => app.close())

  it.each([
    ["GET", "/held", 409, "HOST_EXISTS"],
    ["GET", "/broken", 500, "INTERNAL"],
    ["GET", "/no-database", 503, "DATABASE_DOWN"],
    ["GET", "/file", 503, "DATABASE_DOWN"],
    ["GET", "/nowhere", 404, "ROUTE_NOT_FOUND"],
  ] as const)("%s %s answers %i %s", async (method, url, status, code) => {
    const reply = await app.inject({ method, url })
    expect(reply.statusCode).toBe(status)
    expect(reply.json()).toMatchObject({ code, origin: "hub" })
    expect(reply.headers).toMatchObject({ "content-type": "application/json; charset=utf-8" })
    expect(reply.headers).not.toHaveProperty("content-disposition")
    expect(reply.body).not.toContain("secret detail")
  })

  it("says so when a body is no JSON, and does not let a described schema judge", async () => {
    const headers = { "content-type": "application/json" }
    const broken = await app.inject({ method: "POST", url: "/echo", headers, payload: "{" })
    expect([broken.statusCode, broken.json().code]).toEqual([400, "BAD_REQUEST"])
    const odd = await app.inject({ method: "POST", url: "/echo", headers, payload: '{"a":"not a number"}' })
    expect(odd.json()).toEqual({ a: "not a number" })
  })
})

it("describes a route as JSON Schema", () => {
  const { schema } = describeRoute({
    summary: "Rows",
    querystring: ActivityQuery,
    response: z.object({ a: z.int() }),
  })
  expect(schema).toMatchObject({
    summary: "Rows",
    querystring: { type: "object", properties: { limit: { type: "string", pattern: expect.any(String) } } },
    response: { 200: { type: "object", properties: { a: { type: "integer" } } } },
  })
})
