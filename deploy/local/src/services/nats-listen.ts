import { StartFailure } from "../failure.ts"

export interface NatsListen {
  host: string
  /** Null: any, the same one each time where it can be had. */
  port: number | null
}

/** Reads BOO_NATS_LISTEN: `host:port`, `host`, `:port` or nothing. */
export function parseListen(listen: string | null): NatsListen {
  if (listen === null) return { host: "127.0.0.1", port: null }
  const found = /^(?:\[([^\]]+)\]|([^:\s]*))(?::(\d{1,5}))?$/.exec(listen.trim())
  const port = found?.[3] === undefined ? null : Number(found[3])
  if (found === null || (port !== null && (port < 1 || port > 65_535)))
    throw new StartFailure(
      `BOO_NATS_LISTEN is ${JSON.stringify(listen)}; it must be host, host:port or :port.`,
      {
        exitCode: 2,
      },
    )
  return { host: found[1] ?? (found[2] === "" || found[2] === undefined ? "127.0.0.1" : found[2]), port }
}
