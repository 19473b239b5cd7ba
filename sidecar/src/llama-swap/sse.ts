import { createParser } from "eventsource-parser"

/**
 * Holds a full ring of 1,000 old-era rows and the start-up log history (100 KiB), both encoded twice. A longer frame
 * is let go: it would cost its size several times over, and nothing stands only in it (a larger ring is fetched too).
 */
export const MAX_FRAME_CHARS = 1024 * 1024

export interface SseDecoder {
  push(bytes: Uint8Array): void
}

/**
 * Bytes to the data of each event. Whatever comes, it keeps at most `MAX_FRAME_CHARS`: after a frame that is
 * longer it skips to the next line and goes on.
 */
export function createSseDecoder(on: {
  data: (data: string) => void
  rejected: (kind: "too_long" | "not_utf8") => void
}): SseDecoder {
  const text = new TextDecoder("utf-8", { fatal: false })
  let overflowed = false
  const parser = createParser({
    maxBufferSize: MAX_FRAME_CHARS,
    onEvent: ({ data }) => on.data(data),
    onError: ({ type }) => {
      if (type === "max-buffer-size-exceeded") overflowed = true
    },
  })
  return {
    push(bytes) {
      const chunk = text.decode(bytes, { stream: true })
      // The engine writes JSON, whose encoder never leaves a bare replacement character.
      if (chunk.includes("\uFFFD")) on.rejected("not_utf8")
      parser.feed(chunk)
      if (!overflowed) return
      overflowed = false
      parser.reset()
      on.rejected("too_long")
    },
  }
}
