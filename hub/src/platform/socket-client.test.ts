import { describe, expect, it } from "vitest"
import { TOO_SLOW, createSocketClient } from "./socket-client.ts"
import type { ReadyFrame } from "./socket-client.ts"

/** A reader that takes what it gets only when told. */
function slowSocket() {
  const waiting: { text: string; sent: () => void }[] = []
  const taken: string[] = []
  const closed: number[] = []
  return {
    taken,
    closed,
    get bufferedAmount() {
      return waiting.reduce((sum, { text }) => sum + text.length, 0)
    },
    send: (data: Buffer, _options: { binary: boolean }, sent: () => void) =>
      void waiting.push({ text: data.toString(), sent }),
    close: (code: number) => void closed.push(code),
    read(count = Infinity) {
      for (let n = 0; n < count && waiting.length > 0; n++) {
        const first = waiting.shift()
        if (!first) return
        taken.push(first.text)
        first.sent()
      }
    },
  }
}

const frame = (text: string, topic: string, loss: ReadyFrame["loss"]): ReadyFrame => ({
  ...{ bytes: Buffer.from(text), topic, loss },
})
const event = (text: string) => frame(text, "fleet", "never")
const sample = (host: string, n: number) => frame(`perf ${host} ${n}`, `perf:${host}`, "newest")
const line = (n: number) => frame(`log ${n}`, "log:a", "drop")

function clientOf(socket: ReturnType<typeof slowSocket>) {
  const lost: number[] = []
  const client = createSocketClient(socket, {
    limits: { softBytes: 40, hardBytes: 100 },
    lagged: (topic, dropped) => event(`lagged ${topic} ${dropped}`),
    onLost: (count) => void lost.push(count),
  })
  return { client, lost }
}

describe("a reader that keeps up", () => {
  it("gets everything in order", () => {
    const socket = slowSocket()
    const { client, lost } = clientOf(socket)
    for (const made of [event("one"), sample("a", 1), line(1), event("two"), sample("a", 2)]) {
      client.send(made)
      socket.read()
    }
    expect(socket.taken).toEqual(["one", "perf a 1", "log 1", "two", "perf a 2"])
    expect(lost).toEqual([])
  })
})

describe("a slow reader", () => {
  it("loses samples and lines, keeps the newest sample of each host, and is told how many are gone", () => {
    const socket = slowSocket()
    const { client, lost } = clientOf(socket)
    client.send(event("e".repeat(40)))
    for (const n of [1, 2, 3]) client.send(sample("a", n))
    client.send(sample("b", 1))
    for (const n of [1, 2]) client.send(line(n))
    client.send(event("kept"))
    socket.read()
    expect(socket.taken.slice(1)).toEqual([
      ...["kept", "lagged perf:a 2", "lagged log:a 2", "perf a 3", "perf b 1"],
    ])
    expect(lost).toHaveLength(4)
  })

  it("is not given more until it has taken most of what waits", () => {
    const socket = slowSocket()
    const { client } = clientOf(socket)
    for (const text of ["x".repeat(20), "y".repeat(20), "z".repeat(10)]) client.send(event(text))
    client.send(line(1))
    socket.read(1)
    client.send(line(2))
    expect(socket.bufferedAmount).toBe(30)
    socket.read(2)
    client.send(line(3))
    socket.read()
    expect(socket.taken.slice(3)).toEqual(["lagged log:a 2", "log 3"])
  })

  it("never loses an event: before that it is sent away, so that it starts again from a snapshot", () => {
    const socket = slowSocket()
    const { client } = clientOf(socket)
    for (let n = 0; n < 10; n++) client.send(event(`event ${n} `.padEnd(20, ".")))
    expect(client.isClosed()).toBe(true)
    expect(socket.closed).toEqual([TOO_SLOW])
    socket.read()
    expect(socket.taken.map((text) => text.slice(0, 7))).toEqual([
      "event 0",
      "event 1",
      "event 2",
      "event 3",
      "event 4",
    ])
  })

  it("is given one frame that is larger than all that may wait, when nothing waits", () => {
    const socket = slowSocket()
    const { client } = clientOf(socket)
    client.send(event("s".repeat(500)))
    socket.read()
    expect(socket.taken).toHaveLength(1)
    expect(client.isClosed()).toBe(false)
  })
})
