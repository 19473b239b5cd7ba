/** Open without a key, whatever the configuration. */
const OPEN_PATHS = new Set(["/", "/health", "/wol-health", "/favicon.ico", "/upstream"])

/** Basic password first, then Bearer, then x-api-key: the first that is there decides, even when it is wrong. */
export function isAuthorized(
  keys: readonly string[],
  path: string,
  headers: Record<string, string>,
): boolean {
  if (keys.length === 0 || OPEN_PATHS.has(path)) return true
  return keys.includes(keyIn(headers))
}

export function keyIn(headers: Record<string, string>): string {
  const authorization = headers["authorization"] ?? ""
  const basic = /^Basic (.+)$/i.exec(authorization)?.[1]
  if (basic !== undefined) {
    const decoded = Buffer.from(basic, "base64").toString("utf8")
    const colon = decoded.indexOf(":")
    if (colon >= 0) return decoded.slice(colon + 1)
  }
  return /^Bearer (.+)$/i.exec(authorization)?.[1] ?? headers["x-api-key"] ?? ""
}
