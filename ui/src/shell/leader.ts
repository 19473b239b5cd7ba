export type KeyCommand =
  | { readonly kind: "go"; readonly page: string }
  | { readonly kind: "search" }
  | { readonly kind: "sheet" }
  | { readonly kind: "step"; readonly by: 1 | -1 }

/** The second key after `g`, by the page it leads to. */
export const PAGE_KEYS: Readonly<Record<string, string>> = {
  fleet: "f",
  activity: "a",
  timeline: "t",
  logs: "l",
  routing: "r",
  keys: "k",
  leases: "e",
  storage: "s",
  playground: "p",
}

const LEADER = "g"
// Long enough to look for the second key, short enough that a forgotten first one does nothing later.
const LEADER_MS = 1500

/** When the first key of two was pressed; null: none waits. */
export type Leader = number | null

/** What a plain key does, pressed outside of any field. */
export function pressed(
  leader: Leader,
  key: string,
  atMs: number,
): { readonly leader: Leader; readonly command: KeyCommand | null } {
  if (leader !== null && atMs - leader <= LEADER_MS) {
    const page = Object.keys(PAGE_KEYS).find((name) => PAGE_KEYS[name] === key)
    return { leader: null, command: page === undefined ? null : { kind: "go", page } }
  }
  if (key === LEADER) return { leader: atMs, command: null }
  return { leader: null, command: singleKey(key) }
}

function singleKey(key: string): KeyCommand | null {
  if (key === "/") return { kind: "search" }
  if (key === "?") return { kind: "sheet" }
  if (key === "j") return { kind: "step", by: 1 }
  return key === "k" ? { kind: "step", by: -1 } : null
}
