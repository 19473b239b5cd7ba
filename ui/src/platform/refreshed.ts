import { onScopeDispose, shallowRef } from "vue"
import type { ShallowRef } from "vue"
import { useClock } from "./clock.ts"

export interface Refreshed<T> {
  /** The newest answer; null until there is one. */
  readonly value: ShallowRef<T | null>
  /** Why the newest question was not answered; null when it was. */
  readonly error: ShallowRef<unknown>
  load(): Promise<void>
}

/** Asks now and again and again, while the page that shows it is there. An answer that comes too late is dropped. */
export function useRefreshed<T>(everyMs: number, ask: (signal: AbortSignal) => Promise<T>): Refreshed<T> {
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
