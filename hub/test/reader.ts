import { Frame } from "@boocontrol/shared/frames"
import { EMPTY_FLEET, applyFleetFrame } from "@boocontrol/shared/fleet-sync"
import type { FleetCopy } from "@boocontrol/shared/fleet-sync"
import type { FleetHost } from "@boocontrol/shared/fleet"
import { HostId } from "@boocontrol/shared/ids"

/** A cockpit without a screen: applies what it gets as the real one does, and can be asked to wait for something. */
export interface Reader {
  readonly frames: readonly Frame[]
  copy(): FleetCopy
  host(id: string): FleetHost | undefined
  /** The first frame that fits, gone by or to come. */
  frame<T extends Frame>(fits: (frame: Frame) => frame is T): Promise<T>
  /** Resolves as soon as it is true of what has come. */
  until(isTrue: () => boolean, what: string): Promise<void>
  send(frame: unknown): void
  /** Code with which the hub closed it. */
  closed: Promise<number>
  close(): void
}

const PATIENCE_MS = 30_000

export async function openReader(url: string, protocols: string[] = []): Promise<Reader> {
  const socket = new WebSocket(url, protocols)
  const frames: Frame[] = []
  const waiting = new Set<() => void>()
  let copy = EMPTY_FLEET
  socket.addEventListener("message", ({ data }) => {
    const frame = Frame.parse(JSON.parse(String(data)))
    frames.push(frame)
    if (frame.type === "control_fleet") {
      const step = applyFleetFrame(copy, frame)
      copy = step.copy
      for (const id of step.resync) socket.send(JSON.stringify({ type: "resync", provider_id: id }))
    }
    for (const look of waiting) look()
  })
  const closed = new Promise<number>((resolve) =>
    socket.addEventListener("close", ({ code }) => resolve(code)),
  )
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve())
    socket.addEventListener("error", () => reject(new Error(`${url} did not open`)))
  })

  const until = (isTrue: () => boolean, what: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!isTrue()) return
        clearTimeout(timer)
        waiting.delete(look)
        resolve()
      }
      const timer = setTimeout(() => {
        waiting.delete(look)
        reject(new Error(`waited in vain for ${what}; last frame: ${JSON.stringify(frames.at(-1))}`))
      }, PATIENCE_MS)
      waiting.add(look)
      look()
    })

  return {
    ...{ frames, closed, until },
    copy: () => copy,
    host: (id) => copy.hosts.get(HostId.parse(id)),
    async frame(fits) {
      await until(() => frames.some(fits), String(fits))
      const found = frames.find(fits)
      if (!found) throw new Error("gone")
      return found
    },
    send: (frame) => socket.send(typeof frame === "string" ? frame : JSON.stringify(frame)),
    close: () => socket.close(),
  }
}
