import type { Message, ToolCall } from "./conversation.ts"
import { NO_MESSAGE } from "./conversation.ts"

/** Times that the model's own server measured, ms. */
export interface Timings {
  readonly promptMs: number | null
  readonly predictedMs: number | null
  readonly promptTokens: number | null
  readonly predictedTokens: number | null
  readonly cachedTokens: number | null
  readonly draftTokens: number | null
  readonly draftAccepted: number | null
}

export interface PartDraft {
  role: string
  text: string
  reasoning: string
  calls: Map<string, { id: string | null; name: string | null; args: string }>
}

/** What is known so far of an answer that comes in pieces. */
export interface Draft {
  /** One per choice. */
  parts: Map<number, PartDraft>
  finish: string | null
  model: string | null
  timings: Timings | null
  usage: Readonly<Record<string, unknown>> | null
  loading: string
  error: string | null
  isOver: boolean
  /** An answer that is no conversation: vectors, ranks. */
  other: string
  blank(): PartDraft
}

export function emptyDraft(): Draft {
  return {
    ...{ parts: new Map(), finish: null, model: null, timings: null, usage: null },
    ...{ loading: "", error: null, isOver: false, other: "" },
    blank: () => ({ role: "assistant", text: "", reasoning: "", calls: new Map() }),
  }
}

export function partOf(draft: Draft, index: number): PartDraft {
  const part = draft.parts.get(index) ?? draft.blank()
  draft.parts.set(index, part)
  return part
}

/** A call whose name comes first and whose arguments come in pieces. */
export function addCall(
  part: PartDraft,
  key: string,
  more: { id?: string | null; name?: string | null; args?: string; isWhole?: boolean },
): void {
  const call = part.calls.get(key) ?? { id: null, name: null, args: "" }
  const args = more.args ?? ""
  part.calls.set(key, {
    id: more.id ?? call.id,
    name: more.name ?? call.name,
    args: more.isWhole === true && args !== "" ? args : call.args + (more.isWhole === true ? "" : args),
  })
}

export function messageFrom(part: PartDraft): Message {
  const calls: ToolCall[] = [...part.calls.values()]
  return { ...NO_MESSAGE, role: part.role, text: part.text, reasoning: part.reasoning, calls }
}
