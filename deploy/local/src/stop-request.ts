import { Socket } from "node:net"

/** Resolves with its reason when somebody wants us to stop: a signal, however often, or the end of our own launcher. */
export function stopRequest(lifelineFd: string | undefined): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve(signal))
    if (lifelineFd === undefined) return
    const lifeline = new Socket({ fd: Number(lifelineFd), readable: true, writable: false })
    lifeline.on("error", () => undefined)
    lifeline.on("close", () => resolve("its launcher is gone"))
    lifeline.resume()
    lifeline.unref()
  })
}
