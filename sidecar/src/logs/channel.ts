import type { LogData } from "@boocontrol/shared/logs"
import { addChunk, EMPTY_LINES, tailOf } from "./core.ts"
import type { LineBuffer } from "./core.ts"

/** A batch must stay a small message; what is more waits for the next. */
const BATCH_CHARS = 128 * 1024
/** What may wait of each. A model that floods its log costs lines, never memory. */
const MAX_WAITING_CHARS = 1024 * 1024

export type ChannelLabel = Pick<LogData, "source" | "model">

/** One writer of a log: its half line, the end of what was seen, and what waits to be sent. */
export interface Channel {
  readonly label: ChannelLabel
  buffer: LineBuffer
  tail: string
  /** The next chunk is everything the engine still has. */
  atHistory: boolean
  waiting: { text: string; isHistory: boolean }[]
  waitingChars: number
  dropped: number
}

export function emptyChannel(label: ChannelLabel): Channel {
  return {
    ...{ label, buffer: EMPTY_LINES, tail: "", atHistory: true },
    ...{ waiting: [], waitingChars: 0, dropped: 0 },
  }
}

export function channelOf(
  channels: Map<string, Channel>,
  label: ChannelLabel,
  make: (label: ChannelLabel) => Channel,
): Channel {
  const key = `${label.source} ${label.model ?? ""}`
  const channel = channels.get(key) ?? make(label)
  channels.set(key, channel)
  return channel
}

/** Adds text; `send` gives each whole line as it may travel, or null for one that stays here. */
export function takeLines(
  channel: Channel,
  { text, isHistory }: { text: string; isHistory: boolean },
  send: (line: string) => string | null,
): void {
  channel.tail = tailOf(channel.tail, text)
  const { buffer, lines } = addChunk(channel.buffer, text)
  channel.buffer = buffer
  for (const line of lines) {
    const sent = send(line)
    if (sent === null) continue
    channel.waiting.push({ text: sent, isHistory })
    channel.waitingChars += sent.length + 1
  }
  let surplus = 0
  while (channel.waitingChars > MAX_WAITING_CHARS && surplus < channel.waiting.length) {
    channel.waitingChars -= (channel.waiting[surplus]?.text.length ?? 0) + 1
    surplus += 1
  }
  channel.waiting.splice(0, surplus)
  channel.dropped += surplus
}

/** The oldest waiting lines as one message: of a history, or written now, never both. */
export function nextBatch(channel: Channel): LogData | null {
  const { waiting, label, dropped } = channel
  const [first] = waiting
  if (!first) return null
  let chars = 0
  let count = 0
  while (count < waiting.length && waiting[count]?.isHistory === first.isHistory) {
    if (count > 0 && chars >= BATCH_CHARS) break
    chars += (waiting[count]?.text.length ?? 0) + 1
    count += 1
  }
  const lines = waiting.splice(0, count).map(({ text }) => text)
  channel.waitingChars -= chars
  channel.dropped = 0
  return {
    ...label,
    lines,
    ...(dropped > 0 ? { dropped } : {}),
    ...(first.isHistory ? { history: true } : {}),
  }
}
