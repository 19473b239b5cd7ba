import { mkdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { writeSecret } from "../data-folder.ts"
import { STAGE } from "../processes/child.ts"
import type { Child } from "../processes/child.ts"
import type { Guard } from "../processes/guard.ts"
import type { LogFile } from "../processes/log-file.ts"
import { startServer } from "../processes/server.ts"
import { natsConfigFile } from "./nats-config.ts"
import type { NatsConfig } from "./nats-config.ts"

export interface NatsServerOptions extends NatsConfig {
  binary: string
  configFile: string
  guard: Guard
  log: LogFile
}

export interface NatsServer {
  child: Child
  port: number
}

const LISTENING = /Listening for client connections on .*:(\d+)$/
const IN_USE = "address already in use"

/** Runs one nats-server until it says that it is ready, or null when its port is taken. */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer | null> {
  mkdirSync(options.storeDir, { recursive: true, mode: 0o700 })
  writeSecret(options.configFile, natsConfigFile(options))
  const started = await startServer(
    {
      name: "nats-server",
      file: options.binary,
      args: ["-c", options.configFile],
      cwd: dirname(options.configFile),
      env: { PATH: process.env.PATH, HOME: process.env.HOME, SystemRoot: process.env.SystemRoot },
      stage: STAGE.nats,
      guard: options.guard,
      log: options.log,
    },
    (line) => line.includes("Server is ready"),
  )
  if (started.kind === "ended") {
    if (started.lines.some((line) => line.includes(IN_USE))) return null
    throw started.failure
  }
  const listening = started.lines.map((line) => LISTENING.exec(line)?.[1]).find((port) => port !== undefined)
  return { child: started.child, port: Number(listening ?? options.port) }
}

export function natsLog(dataDir: string): string {
  return join(dataDir, "logs", "nats-server.log")
}
