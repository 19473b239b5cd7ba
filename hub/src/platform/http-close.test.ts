import { Readable } from "node:stream"
import Fastify from "fastify"
import { expect, it } from "vitest"
import { manualClock } from "./clock-manual.ts"
import { systemClock } from "./clock.ts"
import { closeHttp } from "./http-close.ts"

/** A server whose one answer has begun and goes on when it is told to, and a client that keeps its connection. */
async function answering() {
  const http = Fastify({ logger: false, keepAliveTimeout: 72_000 })
  const body = new Readable({ read: () => undefined })
  body.push("begun, ")
  http.get("/", () => body)
  const url = await http.listen({ port: 0, host: "127.0.0.1" })
  const reply = await fetch(url)
  return { http, body, reply }
}

it("ends with the last answer, though the client keeps its connection", { timeout: 10_000 }, async () => {
  const { http, body, reply } = await answering()
  const closed = closeHttp(http, systemClock)
  body.push("and finished")
  body.push(null)
  expect(await reply.text()).toBe("begun, and finished")
  await closed
})

it("cuts an answer that does not end", { timeout: 10_000 }, async () => {
  const { http, reply } = await answering()
  const clock = manualClock()
  const closed = closeHttp(http, clock)
  const text = reply.text().catch((error: unknown) => error)
  clock.advance(1_900)
  expect(await Promise.race([text, Promise.resolve("still open")])).toBe("still open")
  clock.advance(200)
  await closed
  expect(await text).toBeInstanceOf(TypeError)
})
