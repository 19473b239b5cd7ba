/** So long a browser keeps what a preflight said, as llama-swap has it. */
const PREFLIGHT_S = 86_400

/**
 * What pages of other origins may read. Which of them are served is judged before anything is done, by their origin and
 * their key: of all others, `*` shows only that they were refused, and why. What rests on cookies, a login at a proxy, no
 * page may read under `*`.
 */
export function standingHeaders({
  method,
  origin,
}: {
  method: string | undefined
  origin: string | undefined
}): string[] {
  const headers: string[] = []
  if (origin !== undefined)
    headers.push("access-control-allow-origin", "*", "access-control-expose-headers", "*")
  // A link opens it in the cockpit's own origin: what a host sends must not run there.
  if (method === "GET" || method === "HEAD")
    headers.push(
      "x-content-type-options",
      "nosniff",
      "content-security-policy",
      "default-src 'none'; sandbox",
    )
  return headers
}

/** It shows no key yet, and is told nothing but that it may ask: which methods, and with the headers it wants. */
export function preflightHeaders(
  allowed: string,
  asked: Readonly<Record<string, string | string[] | undefined>>,
): string[] {
  const wanted = asked["access-control-request-headers"]
  const headers = typeof wanted === "string" ? wanted : "content-type, authorization, accept"
  return [
    ...["access-control-allow-methods", allowed, "access-control-allow-headers", headers],
    ...["access-control-allow-origin", "*", "access-control-max-age", String(PREFLIGHT_S)],
  ]
}
