import type { Config } from "../config.ts"

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program has it. Stop that one, or give another port",
  EACCES:
    "this account may not have it, as is usual for ports below 1024. Give another port, or a reverse proxy before it",
  EADDRNOTAVAIL: "it is no address of this machine. Give one that is, or 0.0.0.0 for all of them",
  ENOTFOUND: "no such name is known here. Give an address of this machine",
}

/** In words, why the hub could not have its address, and what to do; null where it failed for another reason. */
export function whyNotHeard(error: unknown, { host, port }: Config["listen"]): string | null {
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  const why = WHY[code]
  return why === undefined ? null : `The hub cannot listen at ${host}:${port}: ${why} (BOO_LISTEN).`
}
