const LISTEN = "0A"

/** Inodes of the sockets that listen on `port`, from /proc/net/tcp or tcp6. */
export function socketsInProcNet(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0")
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.split(":").at(-1) === wanted && fields[3] === LISTEN)
    .map((fields) => fields[9] ?? "")
    .filter((inode) => inode !== "" && inode !== "0")
}

/** Pids in the output of `lsof -Fp`. */
export function listenersInLsof(output: string): number[] {
  return [...output.matchAll(/^p(\d+)$/gm)].map((found) => Number(found[1]))
}

/** Pids that listen on `port` in the output of Windows' `netstat -ano`, whatever its language. */
export function listenersInNetstat(output: string, port: number): number[] {
  return output
    .split(/\r?\n/)
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([protocol, local, remote]) => protocol === "TCP" && portOf(local) === port && portOf(remote) === 0,
    )
    .map((fields) => Number(fields.at(-1)))
    .filter((pid) => Number.isInteger(pid) && pid > 0)
}

function portOf(address: string | undefined): number {
  return Number(/:(\d+)$/.exec(address ?? "")?.[1] ?? Number.NaN)
}
