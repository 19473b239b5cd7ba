import { afterEach, describe, expect, it } from "vitest"
import { fakeHost, fleetHost, json, testGateway } from "./world-for-tests.ts"
import type { FakeHost, TestGateway } from "./world-for-tests.ts"

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})
async function host(answer: FakeHost["answer"]): Promise<FakeHost> {
  const made = await fakeHost(answer)
  open.push(made)
  return made
}
async function gateway(options: Parameters<typeof testGateway>[0]): Promise<TestGateway> {
  const made = await testGateway(options)
  open.unshift({ close: made.stop })
  return made
}

const chat = { model: "m", messages: [{ role: "user", content: "hi" }] }
const streamed = { ...chat, stream: true }
const chunk = (text: string) => `data: {"id":"x","choices":[{"delta":{"content":"${text}"}}]}\n\n`
const done = "data: [DONE]\n\n"
const usage = `data: {"id":"x","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n`

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
