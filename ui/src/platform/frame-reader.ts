import type { Frame } from "@boocontrol/shared/frames"
import type * as z from "zod/mini"
import { isExactly } from "./exact-frames.ts"
import type { ExactKind } from "./exact-frames.ts"

/** What a text of the hub says, or why it says nothing that is known here. */
export type Read = { readonly frame: Frame } | { readonly rejection: string }
/** At once where it can; otherwise when the schemas are here. */
export type ReadFrame = (text: string) => Read | Promise<Read>

type FrameSchema = z.ZodMiniType<Frame>

/**
 * Nearly every frame is exactly as its schema says, and that is seen at once by code made from the schemas. Any other
 * one waits for the schemas themselves, which leave out what is new to this page and find the words for what is wrong.
 */
export function createFrameReader(loadSchema: () => Promise<FrameSchema>): ReadFrame {
  let schema: FrameSchema | null = null
  return (text) => {
    const data = parseJson(text)
    if (data === undefined) return { rejection: "not JSON" }
    if (isExactFrame(data)) return { frame: data }
    if (schema) return readBy(schema, data)
    return loadSchema().then(
      (loaded) => {
        schema = loaded
        return readBy(loaded, data)
      },
      () => ({ rejection: "what reads it could not be loaded" }),
    )
  }
}

export function isExactFrame(data: unknown): data is Frame {
  const kind = kindOf(data)
  return kind !== null && isExactly(kind, data)
}

function kindOf(data: unknown): ExactKind | null {
  if (typeof data !== "object" || data === null || !("type" in data)) return null
  switch (data.type) {
    case "control_fleet":
      return "kind" in data && (data.kind === "snapshot" || data.kind === "delta" || data.kind === "lagged")
        ? data.kind
        : null
    case "control_activity":
    case "control_perf":
    case "control_log":
      return data.type
    default:
      return null
  }
}

function readBy(schema: FrameSchema, data: unknown): Read {
  const parsed = schema.safeParse(data)
  if (parsed.success) return { frame: parsed.data }
  const issue = parsed.error.issues[0]
  return { rejection: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a frame"}` }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
