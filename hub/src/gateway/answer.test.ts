import { connect } from "node:net"
import { expect, it, onTestFinished } from "vitest"
import {
  chat,
  chunk,
  done,
  fleetHost,
  gatewayForTest as gateway,
  hostForTest as host,
  json,
  streamed,
} from "./world-for-tests.ts"

const STREAM = { "content-type": "text/event-stream" }
const words = (name: string, count: number): string =>
  Array.from({ length: count }, (_, n) => chunk(`${name} ${n} `)).join("")

/** Replies as they stand on a connection, their chunks put together. */
function repliesIn(raw: string): string[] {
  const replies: string[] = []
  let left = raw
  while (left !== "") {
    left = left.slice(left.indexOf("\r\n\r\n") + 4)
    let body = ""
    for (;;) {
      const head = /^([\da-f]+)\r\n/.exec(left)
      if (head === null) throw new Error(`no chunk begins here: ${JSON.stringify(left.slice(0, 40))}`)
      const [all, hex = ""] = head
      const size = Number.parseInt(hex, 16)
      body += left.slice(all.length, all.length + size)
      left = left.slice(all.length + size + 2)
      if (size === 0) break
    }
    replies.push(body)
  }
  return replies
}

it("passes on whole what a host sends in many pieces at once, in few, and one by one", async () => {
  const a = await host((response) => {
    response.writeHead(200, STREAM)
    response.cork()
    for (let n = 0; n < 400; n++) response.write(chunk(`word ${n} `))
    response.uncork()
    let n = 400
    const next = (): void => {
      if (n === 420) return void response.end(done)
      response.write(chunk(`word ${n++} `), () => setImmediate(next))
    }
    next()
  })
  const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
  const reply = await world.post("/v1/chat/completions", streamed)
  const text = await reply.text()
  expect(text).toBe(words("word", 420) + done)
  await expect.poll(() => world.ends[0]).toMatchObject({ outcome: "answered", bytes: text.length })
})

it("answers two streams asked for in a row on one connection whole and in order", async () => {
  const second = Promise.withResolvers<void>()
  const a = await host((response, { body }) => {
    response.writeHead(200, STREAM)
    if (body.includes("second")) {
      response.end(words("second", 50) + done)
      second.resolve()
    } else {
      response.write(words("first", 2))
      void second.promise.then(() => response.end(words("more", 3) + done))
    }
  })
  const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
  const socket = connect(Number(new URL(world.url).port), "127.0.0.1")
  onTestFinished(() => void socket.destroy())
  let raw = ""
  socket.setEncoding("utf8").on("data", (text: string) => {
    raw += text
  })
  for (const user of ["first", "second"]) {
    const body = JSON.stringify({ ...streamed, user })
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
  }
  await expect.poll(() => world.ends.map(({ outcome }) => outcome)).toEqual(["answered", "answered"])
  await expect.poll(() => raw.split("0\r\n\r\n").length).toBe(3)
  expect(repliesIn(raw)).toEqual([words("first", 2) + words("more", 3) + done, words("second", 50) + done])
})

it.each([
  ["/v1/chat/completions", "x-request-id", "request-id"],
  ["/v1/messages", "request-id", "x-request-id"],
])("says the id of a request at %s where the API's client looks for it: %s", async (path, ours, other) => {
  const a = await host(json(200, {}, { [ours]: "req_of_the_host" }))
  const world = await gateway({ hosts: [fleetHost("a", a.url, ["m"])] })
  for (const model of ["m", "nobody"]) {
    const { headers } = await world.post(path, { ...chat, model })
    const id = headers.get("x-boo-request-id")
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect([headers.get(ours), headers.get(other)]).toEqual([id, null])
  }
  const { headers } = await world.post(path, chat)
  expect(headers.get("x-boo-upstream-request-id")).toBe("req_of_the_host")
})
