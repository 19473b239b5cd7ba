// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest"
import { openWebSocket } from "./socket.ts"

class FakeSocket extends EventTarget {
  static readonly OPEN = 1
  static made: FakeSocket[] = []
  readyState = FakeSocket.OPEN
  readonly url: string
  constructor(url: string) {
    super()
    this.url = url
    FakeSocket.made.push(this)
  }
}

function recorder() {
  const seen: string[] = []
  const events = {
    opened: () => seen.push("opened"),
    received: (text: string) => seen.push(text),
    closed: () => seen.push("closed"),
  }
  return { seen, events }
}
const message = (data: string) => Object.assign(new Event("message"), { data })

function early(readyState: number) {
  vi.stubGlobal("WebSocket", FakeSocket)
  const socket = new FakeSocket("ws://hub/early")
  socket.readyState = readyState
  let released = 0
  Object.assign(window, { booEarlySocket: { socket, received: ["first"], release: () => released++ } })
  FakeSocket.made = []
  return { socket, releasedTimes: () => released }
}

describe("the socket that was opened while the page loaded", () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    window.booEarlySocket = undefined
  })

  it("is taken over with what it received, in order, and only once", async () => {
    const { socket, releasedTimes } = early(1)
    const { seen, events } = recorder()
    const open = openWebSocket("ws://hub/later")
    open(events)
    expect(seen).toEqual([])
    await Promise.resolve()
    socket.dispatchEvent(message("second"))
    expect(seen).toEqual(["opened", "first", "second"])
    expect([FakeSocket.made.length, releasedTimes()]).toEqual([0, 1])
    open(recorder().events)
    expect(FakeSocket.made.map(({ url }) => url)).toEqual(["ws://hub/later"])
  })

  it("is waited for while it still connects", () => {
    const { socket } = early(0)
    const { seen, events } = recorder()
    openWebSocket("ws://hub/later")(events)
    socket.dispatchEvent(new Event("open"))
    expect(seen).toEqual(["opened"])
    expect(FakeSocket.made).toEqual([])
  })

  it("is left alone when it failed already", () => {
    early(3)
    openWebSocket("ws://hub/later")(recorder().events)
    expect(FakeSocket.made.map(({ url }) => url)).toEqual(["ws://hub/later"])
  })
})
