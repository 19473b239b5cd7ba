import { createHash } from "node:crypto"
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"

/** As much of RFC 6455 as a cockpit under test needs: whole text frames up to 64 KB from the browser. */
export interface Peer {
  send: (text: string) => void
  close: () => void
  onText: (run: (text: string) => void) => void
  onClose: (run: () => void) => void
}

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
const TEXT = 0x1
const CLOSE = 0x8
const PING = 0x9
const PONG = 0xa

export function acceptPeer(request: IncomingMessage, socket: Duplex): Peer {
  const key = request.headers["sec-websocket-key"] ?? ""
  const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64")
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  let onText: (text: string) => void = () => undefined
  let onClose: () => void = () => undefined
  let pending = Buffer.alloc(0)

  socket.on("data", (bytes: Buffer) => {
    pending = Buffer.concat([pending, bytes])
    for (let frame = readFrame(pending); frame; frame = readFrame(pending)) {
      pending = pending.subarray(frame.size)
      if (frame.opcode === TEXT) onText(frame.payload.toString("utf8"))
      if (frame.opcode === PING) socket.write(frameOf(PONG, frame.payload))
      if (frame.opcode === CLOSE) socket.end(frameOf(CLOSE, Buffer.alloc(0)))
    }
  })
  socket.on("close", () => onClose())
  socket.on("error", () => socket.destroy())
  return {
    send: (text) => {
      if (socket.writable) socket.write(frameOf(TEXT, Buffer.from(text)))
    },
    close: () => socket.destroy(),
    onText: (run) => {
      onText = run
    },
    onClose: (run) => {
      onClose = run
    },
  }
}

function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; size: number } | null {
  if (bytes.length < 6) return null
  const short = (bytes[1] ?? 0) & 0x7f
  const extended = short === 126 ? 2 : 0
  if (bytes.length < 6 + extended) return null
  const length = short === 126 ? bytes.readUInt16BE(2) : short
  const start = 6 + extended
  if (bytes.length < start + length) return null
  const mask = bytes.subarray(start - 4, start)
  const payload = Buffer.from(bytes.subarray(start, start + length))
  for (let index = 0; index < length; index++) payload[index] = (payload[index] ?? 0) ^ (mask[index % 4] ?? 0)
  return { opcode: (bytes[0] ?? 0) & 0xf, payload, size: start + length }
}

function frameOf(opcode: number, payload: Buffer): Buffer {
  const length = payload.length
  const head = length < 126 ? Buffer.from([0x80 | opcode, length]) : Buffer.alloc(length < 65_536 ? 4 : 10, 0)
  if (length >= 126) {
    head[0] = 0x80 | opcode
    head[1] = length < 65_536 ? 126 : 127
    if (length < 65_536) head.writeUInt16BE(length, 2)
    else head.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([head, payload])
}
