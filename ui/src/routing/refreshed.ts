import { onScopeDispose, shallowRef } from "vue"
import type { ShallowRef } from "vue"
import { useClock } from "../platform/clock.ts"

export interface Answer<T> {
  readonly value: ShallowRef<T | null>
  readonly error: ShallowRef<unknown>
  load(): Promise<void>
}

/** Asks now and again and again while the page is there; an answer that comes too late is dropped. */
export function useAnswer<T>(everyMs: number, ask: (signal: AbortSignal) => Promise<T>): Answer<T> {
  const clock = useClock()
  const value = shallowRef<T | null>(null)
  const error = shallowRef<unknown>(null)
  let asking: AbortController | null = null
  let cancel: () => void = () => undefined

  async function load(): Promise<void> {
    cancel()
    asking?.abort()
    const mine = new AbortController()
    asking = mine
    try {
      const answer = await ask(mine.signal)
      if (asking !== mine) return
      value.value = answer
      error.value = null
    } catch (failure) {
      if (asking !== mine) return
      error.value = failure
    }
    cancel = clock.after(everyMs, () => void load())
  }

  cancel = clock.after(0, () => void load())
  onScopeDispose(() => {
    asking?.abort()
    asking = null
    cancel()
  })
  return { value, error, load }
}
