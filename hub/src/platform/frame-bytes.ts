import type { Frame } from "@boocontrol/shared/frames"

const known = new WeakMap<Frame, Buffer>()

/** Serialises a frame once, whoever asks and how often. */
export function bytesOf(frame: Frame): Buffer {
  const before = known.get(frame)
  if (before) return before
  const bytes = Buffer.from(JSON.stringify(frame))
  known.set(frame, bytes)
  return bytes
}
