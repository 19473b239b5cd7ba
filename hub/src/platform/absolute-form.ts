import type { IncomingMessage } from "node:http"

const SLASH = 0x2f
/** `http://host:port/path?query`, without a name and password, which no request may hold. */
const ABSOLUTE = /^https?:\/\/([^/?#@\s]+)([/?][^#\s]*)?$/i

/**
 * A request whose target names the host, as clients that know proxies write it, becomes the usual one for that host (RFC
 * 9112, 3.2.2). It is judged by the host in the target: the header `Host` beside it counts for nothing.
 */
export function toOriginForm(request: IncomingMessage): void {
  const { url } = request
  if (url === undefined || url.charCodeAt(0) === SLASH) return
  const [, authority, rest = "/"] = ABSOLUTE.exec(url) ?? []
  if (authority === undefined) return
  request.url = rest.startsWith("?") ? `/${rest}` : rest
  request.headers.host = authority
}
