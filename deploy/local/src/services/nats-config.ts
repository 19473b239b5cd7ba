import type { NatsAuth } from "./nats-auth.ts"

export interface NatsConfig {
  host: string
  /** -1: the server picks one and says which. */
  port: number
  storeDir: string
  auth: Pick<NatsAuth, "operatorJwt" | "systemAccount" | "accounts"> | null
}

/** The server's configuration file. Everything in it is known to 2.9.10. */
export function natsConfigFile({ host, port, storeDir, auth }: NatsConfig): string {
  const lines = [
    `listen: ${JSON.stringify(`${host}:${port}`)}`,
    "server_name: boocontrol",
    // A frame of ours is at most 512 KB; the rest of the megabyte is room for headers.
    "max_payload: 1048576",
    // A dead peer is noticed within half a minute instead of four.
    'ping_interval: "10s"',
    "ping_max: 2",
    `jetstream { store_dir: ${JSON.stringify(storeDir)} }`,
  ]
  if (auth !== null)
    lines.push(
      `operator: ${auth.operatorJwt}`,
      `system_account: ${auth.systemAccount}`,
      "resolver: MEMORY",
      "resolver_preload: {",
      ...Object.entries(auth.accounts).map(([id, jwt]) => `  ${id}: ${jwt}`),
      "}",
    )
  return `${lines.join("\n")}\n`
}
