/**
 * Where the beginning of a conversation is warm. It lasts exactly as long as the process that read it: a swap destroys
 * what it had, so each entry names the process, and another one matches nothing.
 */
export interface Affinity {
  /** A request of this session or prefix was answered by that process. */
  answered(keys: readonly string[], at: Warm): void
  /** Share of a prompt of so many tokens that this process should have warm; 0 for any other process. */
  share(
    keys: readonly string[],
    place: { host: string; model: string; instance: string | null },
    tokens: number,
  ): number
  warmTokens(place: { host: string; model: string; instance: string | null }): number
}

export interface Warm {
  readonly host: string
  readonly model: string
  readonly instance: string
  /** Prompt and answer together: what its cache holds now. */
  readonly tokens: number
  readonly atMs: number
}

/** Enough for every conversation of a day; the least recently used go first. */
const MOST = 20_000
/** The last turn is new, and a slot may have been given to another conversation meanwhile. */
const MOST_SHARE = 0.95

export function affinity(most = MOST): Affinity {
  const warm = new Map<string, Warm>()
  const newest = new Map<string, Warm>()
  const place = ({ host, model }: { host: string; model: string }): string => `${host}\n${model}`
  return {
    answered(keys, at) {
      for (const key of keys) {
        warm.delete(key)
        warm.set(key, at)
      }
      newest.set(place(at), at)
      for (const key of warm.keys()) {
        if (warm.size <= most) break
        warm.delete(key)
      }
    },
    share(keys, { host, model, instance }, tokens) {
      if (instance === null || tokens <= 0) return 0
      for (const key of keys) {
        const known = warm.get(key)
        if (known?.host !== host || known.model !== model || known.instance !== instance) continue
        return Math.min(MOST_SHARE, known.tokens / tokens)
      }
      return 0
    },
    warmTokens({ host, model, instance }) {
      const known = newest.get(place({ host, model }))
      return known && known.instance === instance ? known.tokens : 0
    },
  }
}
