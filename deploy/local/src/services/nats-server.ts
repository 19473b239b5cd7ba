import { mkdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { StartFailure } from "../failure.ts"
import { writeSecret } from "../data-folder.ts"
import { describeExit, STAGE, startChild } from "../processes/child.ts"
import type { Child } from "../processes/child.ts"
import type { Guard } from "../processes/guard.ts"
import type { LogFile } from "../processes/log-file.ts"
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
  const lines: string[] = []
  let port = options.port
  const { promise: ready, resolve: said } = Promise.withResolvers<"ready">()
  const child = startChild({
    name: "nats-server",
    file: options.binary,
    args: ["-c", options.configFile],
    cwd: dirname(options.configFile),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, SystemRoot: process.env.SystemRoot },
    stage: STAGE.nats,
    guard: options.guard,
    log: options.log,
    onLine: (line) => {
      if (lines.length < 40) lines.push(line)
      port = Number(LISTENING.exec(line)?.[1] ?? port)
      if (line.includes("Server is ready")) said("ready")
    },
  })
  const outcome = await Promise.race([ready, child.exited])
  if (outcome === "ready") return { child, port }
  if (lines.some((line) => line.includes(IN_USE))) return null
  throw new StartFailure(
    `nats-server ${describeExit(outcome)}: ${lines.slice(-5).join("\n")}\n(see ${options.log.path})`,
  )
}

export function natsLog(dataDir: string): string {
  return join(dataDir, "logs", "nats-server.log")
}
