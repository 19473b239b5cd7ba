/**
 * A browser cannot give a WebSocket an Authorization header, and a token in an address ends in logs. So it goes as
 * a second protocol beside the one that is spoken: `new WebSocket(url, ["boo.v1", "boo.token.<base64url of it>"])`.
 */
export const SOCKET_PROTOCOL = "boo.v1"
const TOKEN_PREFIX = "boo.token."

/** The token among the offered protocols, null where there is none. */
export function tokenOfProtocols(header: string | undefined): string | null {
  for (const offered of (header ?? "").split(",")) {
    const protocol = offered.trim()
    if (!protocol.startsWith(TOKEN_PREFIX)) continue
    return Buffer.from(protocol.slice(TOKEN_PREFIX.length), "base64url").toString("utf8")
  }
  return null
}
