import { inject } from "vue"
import type { InjectionKey } from "vue"

/**
 * The first screen as the hub writes it into its page: figures of one moment, which say so, and nothing that works yet.
 * The cockpit's code comes after it was painted and puts the living page in its place.
 */
export interface FirstScreen {
  /** The moment, as text. */
  readonly asOf: string
}

export const FIRST_SCREEN: InjectionKey<FirstScreen> = Symbol("first screen")

/** Null in a browser. */
export function useFirstScreen(): FirstScreen | null {
  return inject(FIRST_SCREEN, null)
}
