import { connect } from "node:net"
import type { Socket } from "node:net"
import { expect, it, onTestFinished } from "vitest"
import { Frame } from "@boocontrol/shared/frames"
import { envelope, presence } from "../../test/example-host.ts"
import { newWorld, runHub } from "../../test/running-hub.ts"

const LINE = "x".repeat(16_000)
const FLOOD = 1_500

/** A WebSocket that reads only when told: no client library lets itself be that slow. */
async function slowReader(
  url: string,
): Promise<{ socket: Socket; send(frame: unknown): void; frames(): Frame[] }> {
  const { port } = new URL(url)
  const socket = connect(Number(port), "127.0.0.1")
  const chunks: Buffer[] = []
  socket.on("data", (chunk) => void chunks.push(chunk))
  socket.write(
    `GET /api/control/ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  )
  await expect.poll(() => Buffer.concat(chunks).includes("control_fleet"), { timeout: 30_000 }).toBe(true)
  return {
    socket,
    send(frame) {
      const text = Buffer.from(JSON.stringify(frame))
      // Masked with zeros, as a client must mask.
      socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]))
    },
    frames() {
      const all = Buffer.concat(chunks)
      return framesIn(all.subarray(all.indexOf("\r\n\r\n") + 4))
    },
  }
}

function framesIn(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  let at = 0
  while (at + 2 <= bytes.length) {
    const short = (bytes[at + 1] ?? 0) & 0x7f
    const head = short === 126 ? 4 : short === 127 ? 10 : 2
    if (at + head > bytes.length) break
    const length =
      short === 126
        ? bytes.readUInt16BE(at + 2)
        : short === 127
          ? Number(bytes.readBigUInt64BE(at + 2))
          : short
    if (at + head + length > bytes.length) break
    const isText = ((bytes[at] ?? 0) & 0x0f) === 1
    if (isText) frames.push(Frame.parse(JSON.parse(bytes.toString("utf8", at + head, at + head + length))))
    at += head + length
  }
  return frames
}

it("keeps every event of a reader that stopped reading, drops its log lines, and says how many", async () => {
  const world = await newWorld("slow")
  const hub = await runHub(world)
  onTestFinished(async () => {
    await hub.stop()
    await world.end()
  })
  const quick = await hub.reader()
  world.say(envelope("presence", presence(), { host: "loud" }))
  await quick.until(() => quick.host("loud")?.liveness === "connected", "the host")
  const slow = await slowReader(hub.url)
  onTestFinished(() => void slow.socket.destroy())
  slow.send({ type: "subscribe", topics: ["fleet", "log:loud"] })
  world.say(envelope("log", { source: "proxy", lines: ["first"] }, { host: "loud" }))
  await expect
    .poll(() => slow.frames().some((frame) => frame.type === "control_log"), { timeout: 30_000 })
    .toBe(true)

  slow.socket.pause()
  for (let n = 0; n < FLOOD; n++) {
    world.say(envelope("log", { source: "proxy", lines: [LINE] }, { host: "loud" }))
    if (n % 100 === 0) {
      world.say(envelope("presence", presence({ sidecar_version: `${n}` }), { host: "loud" }))
      await world.nc.flush()
    }
  }
  world.say(envelope("presence", presence({ sidecar_version: "last" }), { host: "loud" }))
  await quick.until(() => quick.host("loud")?.sidecar_version === "last", "the last event")

  slow.socket.resume()
  const versions = (): unknown[] =>
    slow
      .frames()
      .flatMap((frame) =>
        frame.type === "control_fleet" && frame.kind === "delta" ? (frame.patch.sidecar_version ?? []) : [],
      )
  await expect.poll(() => versions().at(-1), { timeout: 30_000, interval: 200 }).toBe("last")
  const expected = Array.from({ length: FLOOD / 100 }, (_, n) => `${n * 100}`)
  expect(versions()).toEqual([...expected, "last"])
  const lagged = (): { topic: string; dropped: number }[] =>
    slow
      .frames()
      .flatMap((frame) => (frame.type === "control_fleet" && frame.kind === "lagged" ? [frame] : []))
  await expect.poll(() => lagged().length, { timeout: 30_000, interval: 200 }).toBeGreaterThan(0)
  const lines = slow.frames().filter((frame) => frame.type === "control_log").length
  const dropped = lagged().reduce((sum, frame) => sum + frame.dropped, 0)
  expect(lagged()[0]?.topic).toBe("log:loud")
  expect(lines + dropped).toBe(FLOOD + 1)
  // Nobody is closed for it, and nobody else loses anything.
  expect(slow.socket.destroyed).toBe(false)
  expect(quick.copy().lagged).toBe(0)
})
