import { describe, expect, it } from "vitest"
import {
  chat,
  chunk,
  done,
  fleetHost,
  gatewayForTest as gateway,
  hostForTest as host,
  json,
  streamed,
  usage,
} from "./world-for-tests.ts"

describe("the end of a request", () => {
  it("whose client leaves is cancelled at the host", async () => {
    const cut = Promise.withResolvers<void>()
    const a = await host((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(chunk("one"))
      response.on("close", () => cut.resolve())
    })
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const leaving = new AbortController()
    const reply = await fetch(`${world.url}/v1/chat/completions`, {
      ...{ method: "POST", body: JSON.stringify(streamed), signal: leaving.signal },
    })
    await reply.body?.getReader().read()
    leaving.abort()
    await cut.promise
    await expect.poll(() => world.ends[0]?.outcome).toBe("left")
  })

  it("whose client hangs up at the last event was answered, and counts in full", async () => {
    const a = await host((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(chunk("one") + usage + done)
    })
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const leaving = new AbortController()
    const reply = await fetch(`${world.url}/v1/chat/completions`, {
      ...{ method: "POST", body: JSON.stringify(streamed), signal: leaving.signal },
    })
    const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    while (!text.endsWith(done)) text += (await reader?.read())?.value ?? ""
    leaving.abort()
    await expect.poll(() => world.ends[0]?.outcome).toBe("answered")
    expect(world.ends[0]?.usage).toMatchObject({ promptTokens: 5, outputTokens: 2 })
  })

  it("says how the last one failed where nobody is left to ask", async () => {
    const a = await host(json(401, { error: { message: "Authentication Fails" } }))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
    const reply = await world.post("/v1/chat/completions", chat)
    expect(reply.status).toBeGreaterThanOrEqual(500)
    expect(await reply.json()).toMatchObject({
      error: { message: expect.stringMatching(/^a: it answered 401: Authentication Fails\. /) },
    })
  })
})
