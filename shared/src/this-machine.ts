/** Whether a host name of a URL, brackets and all, means the machine it is used on, wherever that is. 0.0.0.0 does, as a way to it. */
export function namesThisMachine(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "").toLowerCase()
  return (
    bare === "localhost" ||
    bare.endsWith(".localhost") ||
    bare === "::1" ||
    bare === "0.0.0.0" ||
    /^127(?:\.\d{1,3}){3}$/.test(bare)
  )
}
