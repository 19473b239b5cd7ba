import type { Session } from "@boocontrol/shared/session"

export interface SignedInWords {
  readonly text: string
  readonly title: string
  /** Whom a proxy names signs out there. */
  readonly maySignOut: boolean
}

/** Null where nobody has to sign in, or nobody has. */
export function signedInWords(who: Session | null): SignedInWords | null {
  switch (who?.kind) {
    case "administrator":
      return { text: "administrator", title: "Signed in with the hub's own token", maySignOut: true }
    case "token":
      return {
        text: who.role === "read" ? `${who.name ?? ""}, only reading` : (who.name ?? ""),
        title: `Signed in with the token ${who.name ?? ""}`,
        maySignOut: true,
      }
    case "person":
      return { text: who.name ?? "", title: "Signed in at the proxy before this hub", maySignOut: false }
    default:
      return null
  }
}
