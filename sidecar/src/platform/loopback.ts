/** Whether a host name of a URL, brackets and all, is this machine whatever machine it is. */
export function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "").toLowerCase()
  return (
    bare === "localhost" ||
    bare.endsWith(".localhost") ||
    bare === "::1" ||
    bare === "0.0.0.0" ||
    /^127(?:\.\d{1,3}){3}$/.test(bare)
  )
}
