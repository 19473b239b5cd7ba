import type * as z from "zod/mini"
import type { RejectKind } from "./rejects.ts"
import {
  Doorbell,
  Envelope,
  InflightMessage,
  LogChunk,
  ModelStatusList,
  RowRing,
  UiConfig,
} from "./shapes.ts"
import type { ModelStatus } from "./shapes.ts"

/** One message of the event stream, read. */
export type EngineMessage =
  | { kind: "models"; models: ModelStatus[] }
  | { kind: "log"; source: "proxy" | "upstream"; data: string }
  | { kind: "doorbell"; id: number }
  | { kind: "rows"; rows: unknown[] }
  | { kind: "inflight"; message: InflightMessage }
  | { kind: "session-headers"; names: string[] }
  | { kind: "ignored" }
  | { kind: "rejected"; reject: RejectKind; problem: string }

/** Types that carry nothing we need. The UI of llama-swap lists the two `perf` ones, though nothing sends them. */
const IGNORED = new Set(["profileChanged", "perfsys", "perfgpu"])

/** Reads the data of one event: JSON that holds JSON as text. Never throws. */
export function readMessage(data: string): EngineMessage {
  const outer = jsonOf(data)
  if (outer === undefined) return rejected("not_json", "the event is not JSON")
  const envelope = Envelope.safeParse(outer)
  if (!envelope.success) return rejected("shape", "the event has no type and data")
  const { type } = envelope.data
  if (IGNORED.has(type)) return { kind: "ignored" }
  const inner = jsonOf(envelope.data.data)
  if (inner === undefined) return rejected("not_json", `the data of ${type.slice(0, 40)} is not JSON`)
  return readData(type, inner)
}

function readData(type: string, inner: unknown): EngineMessage {
  switch (type) {
    case "modelStatus":
      return read(ModelStatusList, inner, (models) => ({ kind: "models", models }))
    case "logData":
      return read(LogChunk, inner, ({ source, data }) => ({
        kind: "log",
        source: source === "proxy" ? "proxy" : "upstream",
        data,
      }))
    case "activity":
      return read(Doorbell, inner, ({ id }) => ({ kind: "doorbell", id }))
    case "metrics":
      // Before v152 one row came as an object of its own.
      return read(RowRing, Array.isArray(inner) || inner === null ? inner : [inner], (rows) => ({
        kind: "rows",
        rows: rows ?? [],
      }))
    case "inflight":
      return read(InflightMessage, inner, (message) => ({ kind: "inflight", message }))
    case "uiConfig":
      return read(UiConfig, inner, ({ activity }) => ({
        kind: "session-headers",
        names: activity?.session_id ?? [],
      }))
    default:
      return rejected("unknown_type", `type ${type.slice(0, 40)} is not known`)
  }
}

function read<T extends z.ZodMiniType>(
  schema: T,
  value: unknown,
  make: (data: z.infer<T>) => EngineMessage,
): EngineMessage {
  const parsed = schema.safeParse(value)
  if (parsed.success) return make(parsed.data)
  const issue = parsed.error.issues[0]
  return rejected("shape", `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "does not fit"}`)
}

function rejected(reject: RejectKind, problem: string): EngineMessage {
  return { kind: "rejected", reject, problem }
}

/** `undefined` where the text is no JSON: JSON itself never gives that. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
