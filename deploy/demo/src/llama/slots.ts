import type { Random } from "../random.ts"

export interface Prompt {
  tokens: number
  /** Same session = same beginning; a later turn finds its earlier turns in the cache. */
  session: string | null
  /** The rendered prompt where a real client sent one: compared by its beginning. */
  text: string | null
}

export interface Slot {
  id: number
  busy: boolean
  task: number | null
  prompt: Prompt | null
  cachedTokens: number
  /** Of the prompt it works on. */
  reusedTokens: number
  decoded: number
  promptTokens: number
}

// Longer beginnings are not told apart; enough for any prompt that a test compares.
const COMPARED_CHARACTERS = 64_000

export function createSlots(count: number): Slot[] {
  return Array.from({ length: count }, (_, id) => ({
    id,
    busy: false,
    task: null,
    prompt: null,
    cachedTokens: 0,
    reusedTokens: 0,
    decoded: 0,
    promptTokens: 0,
  }))
}

/** The idle slot that shares the longest beginning with the prompt; null when all are busy. */
export function chooseSlot(slots: readonly Slot[], prompt: Prompt, random: Random): Slot | null {
  const idle = slots.filter((slot) => !slot.busy)
  const first = idle[0]
  if (!first) return null
  const best = idle.reduce((chosen, slot) =>
    reusable(slot, prompt) > reusable(chosen, prompt) ? slot : chosen,
  )
  if (reusable(best, prompt) > 0) return best
  return idle.find((slot) => slot.prompt === null) ?? random.pick([first, ...idle.slice(1)])
}

/** Tokens of the prompt that are in the slot already; one is always processed again. */
export function reusable(slot: Slot, prompt: Prompt): number {
  const before = slot.prompt
  if (!before) return 0
  if (before.session !== null && before.session === prompt.session) {
    return Math.max(0, Math.min(slot.cachedTokens, prompt.tokens - 1))
  }
  if (before.text === null || prompt.text === null || prompt.text.length === 0) return 0
  const share = commonBeginning(before.text, prompt.text) / prompt.text.length
  return Math.max(0, Math.min(Math.floor(prompt.tokens * share), prompt.tokens - 1))
}

function commonBeginning(left: string, right: string): number {
  const end = Math.min(left.length, right.length, COMPARED_CHARACTERS)
  let index = 0
  while (index < end && left.charCodeAt(index) === right.charCodeAt(index)) index++
  return index
}
