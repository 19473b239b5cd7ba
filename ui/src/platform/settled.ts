import { inject, shallowRef } from "vue"
import type { InjectionKey, ShallowRef } from "vue"
import { afterPaint } from "./latency.ts"

/** False until the first screen stands: what answers no question at a glance is drawn after it, and asks after it. */
export type Settled = Readonly<ShallowRef<boolean>>

// A page that is never idle still gets all it has.
const IDLE_TIMEOUT_MS = 400

/** `drawn` is called once the first screen is in the document. */
export function createSettled(): { settled: Settled; drawn: () => void } {
  const settled = shallowRef(false)
  const settle = () => {
    settled.value = true
  }
  const drawn = () =>
    afterPaint(() => {
      if ("requestIdleCallback" in globalThis) requestIdleCallback(settle, { timeout: IDLE_TIMEOUT_MS })
      else setTimeout(settle)
    })
  return { settled, drawn }
}

export const SETTLED: InjectionKey<Settled> = Symbol("settled")

export function useSettled(): Settled {
  return inject(SETTLED, () => shallowRef(true), true)
}
