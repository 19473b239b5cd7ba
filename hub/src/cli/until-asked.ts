/**
 * Resolves with the reason once this process shall stop: a signal, or, with a lifeline, the end of its standard
 * input, which its launcher holds open for as long as it lives. A second signal ends it at once.
 */
export function untilAsked(lifeline: boolean): Promise<string> {
  return new Promise((resolve) => {
    let isAsked = false
    const ask = (why: string): void => {
      if (isAsked && why.startsWith("SIG")) process.exit(1)
      isAsked = true
      // Who listens for its end keeps the process alive, and the launcher may hold its side open.
      if (lifeline) process.stdin.pause()
      resolve(why)
    }
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => ask(signal))
    if (!lifeline) return
    process.stdin.on("end", () => ask("lifeline"))
    process.stdin.on("close", () => ask("lifeline"))
    process.stdin.on("error", () => ask("lifeline"))
    process.stdin.resume()
  })
}
