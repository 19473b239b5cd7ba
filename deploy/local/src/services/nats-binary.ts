import { findProgram } from "../find-program.ts"
import { StartFailure } from "../failure.ts"

export interface NatsBinaryOptions {
  dataDir: string
  onProgress: (line: string) => void
}

/** Where the nats-server of this machine is. */
export function findNatsServer(_options: NatsBinaryOptions): Promise<string> {
  const found = findProgram("nats-server")
  if (found === null) return Promise.reject(new StartFailure("There is no nats-server on this machine."))
  return Promise.resolve(found)
}
