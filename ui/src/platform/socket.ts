import type { ClientFrame, Frame, FrameHandlers, Topic } from "@boocontrol/shared/frames"
import { DEFAULT_TOPICS } from "@boocontrol/shared/frames"
import type { HostId } from "@boocontrol/shared/ids"
import { inject, shallowRef } from "vue"
import type { InjectionKey, ShallowRef } from "vue"
import type { Clock } from "./clock.ts"
import type { Read, ReadFrame } from "./frame-reader.ts"
import { dispatch, reconnectDelayMs } from "./socket-rules.ts"

/**
 * The one WebSocket of this tab.
 *
 * | phase      | entered when                 | does                                   | leaves when             |
 * | ---------- | ---------------------------- | -------------------------------------- | ----------------------- |
 * | idle       | made, or stopped             | nothing                                | start                   |
 * | connecting | start, or the wait is over   | opens a socket of a new generation     | it opens, or it closes  |
 * | open       | the socket opened            | sends the topics, hands on each frame  | it closes, or is silent |
 * | waiting    | a socket closed, or was left | waits longer after each failure        | the wait is over        |
 *
 * What an older generation's socket still says is dropped.
 */
export interface SocketStatus {
  readonly phase: "idle" | "connecting" | "open" | "waiting"
  /** Since when there has been no connection; null while there is one, or before the first. */
  readonly lostAt: number | null
  /** True once a connection stood: before it, a closed socket means "not yet", not "lost". */
  readonly wasOpen: boolean
  /** Frames that did not parse, with the newest reason. */
  readonly rejected: number
  readonly rejection: string | null
}

export interface Socket {
  readonly status: Readonly<ShallowRef<SocketStatus>>
  /** Asks for a topic for as long as somebody needs it; call what it returns when done. */
  readonly need: (topic: Topic) => () => void
  readonly resync: (host: HostId) => void
  /**
   * Leaves a connection that has said nothing since a moment of the monotonic clock, and makes another: a hub that stands
   * still, or a way to it that swallows everything, closes no socket.
   */
  readonly leaveIfSilent: (sinceMs: number) => void
  readonly start: () => void
  readonly stop: () => void
}

/** The little of a WebSocket that is used here, so that a test can be one. */
export interface Wire {
  send: (text: string) => void
  close: () => void
}
export interface WireEvents {
  opened: () => void
  received: (text: string) => void
  closed: () => void
}

interface SocketDeps {
  readonly open: (events: WireEvents) => Wire
  readonly read: ReadFrame
  readonly handlers: FrameHandlers
  readonly clock: Pick<Clock, "after" | "nowMs" | "monotonicMs">
  readonly random: () => number
  /** The connection is gone; deltas now wait for a snapshot. */
  readonly lost: () => void
  readonly arrived?: (frame: Frame, receivedMs: number) => void
}

// A hub takes at most 500 topics; beyond that a reader of nearly everything takes everything.
const MAX_HOST_TOPICS = 400
// Cards that scroll by come and go together; one message for all of them.
const GATHER_MS = 60

export function createSocket(deps: SocketDeps): Socket {
  const { clock } = deps
  const status = shallowRef<SocketStatus>({
    phase: "idle",
    lostAt: null,
    wasOpen: false,
    rejected: 0,
    rejection: null,
  })
  const needs = new Map<Topic, number>()
  let generation = 0
  let failures = 0
  let heardMs = Number.NEGATIVE_INFINITY
  let wire: Wire | null = null
  let sentTopics = ""
  let cancelWait: () => void = () => undefined
  let cancelGather: (() => void) | null = null
  // While one frame waits for what reads it, those behind it wait for their turn.
  let turn: Promise<void> | null = null

  const set = (change: Partial<SocketStatus>) => {
    status.value = { ...status.value, ...change }
  }
  const send = (frame: ClientFrame) => {
    if (status.value.phase === "open") wire?.send(JSON.stringify(frame))
  }

  function connect(): void {
    const mine = ++generation
    const current = () => mine === generation
    set({ phase: "connecting" })
    wire = deps.open({
      opened() {
        if (!current()) return
        failures = 0
        heardMs = clock.monotonicMs()
        sentTopics = topicsKey(DEFAULT_TOPICS)
        set({ phase: "open", lostAt: null, wasOpen: true })
        sendTopics()
      },
      received(text) {
        if (current()) receive(text, current)
      },
      closed() {
        if (current()) wait()
      },
    })
  }

  function wait(): void {
    wire = null
    const wasConnected = status.value.phase === "open"
    set({ phase: "waiting", lostAt: status.value.lostAt ?? clock.nowMs() })
    if (wasConnected) deps.lost()
    cancelWait = clock.after(reconnectDelayMs(failures++, deps.random()), connect)
  }

  function receive(text: string, current: () => boolean): void {
    const receivedMs = clock.monotonicMs()
    heardMs = receivedMs
    const read = deps.read(text)
    if (turn === null && !(read instanceof Promise)) return handOn(read, receivedMs)
    const mine = Promise.all([read, turn]).then(([done]) => {
      if (turn === mine) turn = null
      if (current()) handOn(done, receivedMs)
    })
    turn = mine
  }

  function handOn(read: Read, receivedMs: number): void {
    if ("rejection" in read) {
      set({ rejected: status.value.rejected + 1, rejection: read.rejection })
      return
    }
    deps.arrived?.(read.frame, receivedMs)
    dispatch(read.frame, deps.handlers)
  }

  function sendTopics(): void {
    const topics = neededTopics(needs)
    const key = topicsKey(topics)
    if (key === sentTopics || status.value.phase !== "open") return
    sentTopics = key
    send({ type: "subscribe", topics })
  }

  function gather(): void {
    cancelGather ??= clock.after(GATHER_MS, () => {
      cancelGather = null
      sendTopics()
    })
  }

  return {
    status,
    need(topic) {
      needs.set(topic, (needs.get(topic) ?? 0) + 1)
      gather()
      let held = true
      return () => {
        if (!held) return
        held = false
        const left = (needs.get(topic) ?? 1) - 1
        if (left > 0) needs.set(topic, left)
        else needs.delete(topic)
        gather()
      }
    },
    resync: (host) => send({ type: "resync", provider_id: host }),
    leaveIfSilent(sinceMs) {
      if (status.value.phase !== "open" || heardMs >= sinceMs) return
      generation++
      wire?.close()
      wait()
    },
    start() {
      if (status.value.phase === "idle") connect()
    },
    stop() {
      generation++
      cancelWait()
      wire?.close()
      wire = null
      set({ phase: "idle" })
    },
  }
}

function neededTopics(needs: ReadonlyMap<Topic, number>): Topic[] {
  const perf = [...needs.keys()].filter((topic) => topic.startsWith("perf:"))
  if (perf.length <= MAX_HOST_TOPICS) return [...DEFAULT_TOPICS, ...needs.keys()]
  return [...DEFAULT_TOPICS, "perf:*", ...[...needs.keys()].filter((topic) => !topic.startsWith("perf:"))]
}

function topicsKey(topics: readonly Topic[]): string {
  return [...new Set(topics)].sort().join(" ")
}

declare global {
  interface Window {
    /** Opened by public/boot.js before this code was here, with what it has received since. */
    booEarlySocket?:
      { readonly socket: WebSocket; readonly received: unknown[]; readonly release: () => void } | undefined
  }
}

/** The first call takes over the socket that was opened while the page loaded, if it is still good. */
export function openWebSocket(url: string): SocketDeps["open"] {
  return (events) => {
    const early = window.booEarlySocket
    window.booEarlySocket = undefined
    const usable = early && early.socket.readyState <= WebSocket.OPEN ? early : null
    const socket = usable?.socket ?? new WebSocket(url)
    usable?.release()
    socket.addEventListener("message", ({ data }) => events.received(textOf(data)))
    socket.addEventListener("close", events.closed)
    if (socket.readyState === WebSocket.OPEN) {
      // Not within this call: whoever opens does not hold the wire yet.
      queueMicrotask(() => {
        events.opened()
        for (const data of usable?.received ?? []) events.received(textOf(data))
      })
    } else {
      socket.addEventListener("open", events.opened)
    }
    return { send: (text) => socket.send(text), close: () => socket.close() }
  }
}

function textOf(data: unknown): string {
  return typeof data === "string" ? data : ""
}

export const SOCKET: InjectionKey<Socket> = Symbol("socket")

export function useSocket(): Socket {
  const socket = inject(SOCKET)
  if (!socket) throw new Error("no socket was provided")
  return socket
}
