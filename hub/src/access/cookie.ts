/** What a browser shows instead of a token once somebody has signed in. */
const NAME = "boo_session"
const KEPT_S = 30 * 24 * 3_600

/** The token that a browser keeps, null where there is none. */
export function tokenOfCookie(header: string | undefined): string | null {
  for (const pair of (header ?? "").split(";")) {
    const at = pair.indexOf("=")
    if (at < 0 || pair.slice(0, at).trim() !== NAME) continue
    try {
      return decodeURIComponent(pair.slice(at + 1).trim()) || null
    } catch {
      // Nothing that was written here.
      return null
    }
  }
  return null
}

export interface CookieWanted {
  /** Null: what is kept is forgotten. */
  token: string | null
  basePath: string
  isTls: boolean
}

/** For `Set-Cookie`: no script reads it, and no page of another origin has it sent. */
export function sessionCookie({ token, basePath, isTls }: CookieWanted): string {
  const kept = token === null ? 0 : KEPT_S
  const parts = [
    `${NAME}=${encodeURIComponent(token ?? "")}`,
    `Path=${basePath === "" ? "/" : basePath}`,
    `Max-Age=${kept}`,
    "HttpOnly",
    "SameSite=Strict",
    ...(isTls ? ["Secure"] : []),
  ]
  return parts.join("; ")
}
