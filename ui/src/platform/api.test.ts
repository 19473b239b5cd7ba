import { describe, expect, it } from "vitest"
import * as z from "zod/mini"
import { ApiError, createApi } from "./api.ts"

const Reply = z.object({ n: z.number() })
const answering = (status: number, body: string) => {
  const asked: [string, RequestInit | undefined][] = []
  let refusals = 0
  const api = createApi("http://hub/api/control/", {
    request: (url, init) => {
      asked.push([typeof url === "string" ? url : "", init])
      return Promise.resolve(new Response(body, { status }))
    },
    refused: () => void refusals++,
  })
  return { api, asked, refusals: () => refusals }
}

describe("asking the hub", () => {
  it("leaves out what was not chosen, and repeats what was chosen twice", async () => {
    const { api, asked } = answering(200, '{"n":1}')
    await expect(
      api.get("activity", Reply, { query: { model: ["a", "b/c"], q: "", cursor: null, limit: 5 } }),
    ).resolves.toEqual({ n: 1 })
    expect(asked[0]?.[0]).toBe("http://hub/api/control/activity?model=a&model=b%2Fc&limit=5")
  })

  it.each([
    [
      "the hub's own words",
      503,
      '{"error":"Postgres does not answer","code":"DATABASE_DOWN","origin":"hub"}',
      "DATABASE_DOWN",
      "Postgres does not answer",
    ],
    ["a proxy's page", 502, "<html>", "HTTP", "The hub answered 502"],
    [
      "a reply of another version",
      200,
      '{"n":"one"}',
      "REPLY_REJECTED",
      "The hub's reply to x is not understood here: reload the page",
    ],
    [
      "no JSON at all",
      200,
      "oops",
      "REPLY_REJECTED",
      "The hub's reply to x is not understood here: reload the page",
    ],
  ])("%s becomes an error with a code", async (_name, status, body, code, message) => {
    const failure = await answering(status, body)
      .api.get("x", Reply)
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ApiError)
    expect(failure).toMatchObject({ code, message, status })
  })

  it("takes a status for a reply where the caller says that it is one", async () => {
    const { api } = answering(503, '{"a":1}')
    await expect(api.get("x", z.object({ a: z.int() }), { alsoReply: 503 })).resolves.toEqual({ a: 1 })
    await expect(api.get("x", z.object({ a: z.int() }), { alsoReply: 502 })).rejects.toThrow("503")
  })

  it("says so when nobody answers", async () => {
    const request = () => Promise.reject(new TypeError("fetch failed"))
    const api = createApi("http://hub/", { request })
    await expect(api.put("x", {})).rejects.toMatchObject({ code: "UNREACHABLE", status: null })
  })

  it.each([
    [401, 1],
    [403, 0],
  ])("tells that the hub wants to know who asks: status %i", async (status, told) => {
    const { api, refusals } = answering(status, "{}")
    await expect(api.put("x", {})).rejects.toMatchObject({ status })
    expect(refusals()).toBe(told)
  })

  it("writes JSON", async () => {
    const { api, asked } = answering(200, "{}")
    await api.put("models/prefs", { hidden: true })
    expect(asked[0]?.[1]).toMatchObject({
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: '{"hidden":true}',
    })
  })
})
