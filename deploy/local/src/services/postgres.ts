import { spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import postgres from "postgres"
import { openTo, ownedFolder, readIfThere, writeSecret } from "../data-folder.ts"
import type { Account } from "../data-folder.ts"
import { codeOf, StartFailure } from "../failure.ts"
import { freePort } from "../free-port.ts"
import { STAGE } from "../processes/child.ts"
import type { Child } from "../processes/child.ts"
import type { Guard } from "../processes/guard.ts"
import { openLogFile } from "../processes/log-file.ts"
import { startServer } from "../processes/server.ts"
import type { ServerStart } from "../processes/server.ts"
import { POSTGRES_ACCOUNT, postgresAccount } from "./postgres-account.ts"
import { findPostgresBinaries } from "./postgres-binaries.ts"
import type { PostgresBinaries } from "./postgres-binaries.ts"
import { clearStalePostmaster } from "./postmaster-pid.ts"

export interface PostgresOptions {
  dataDir: string
  guard: Guard
  /** Only for data that may be lost: much faster, nothing survives a power cut. */
  throwaway?: boolean
}

export interface RunningService {
  url: string
  child: Child
}

const USER = "boocontrol"
const DATABASE = "boocontrol"
const READY = "database system is ready to accept connections"

// Another program took the port since it was found free; sessions of a killed server have not noticed yet.
const PASSING = ["Address already in use", "shared memory block"]
const ATTEMPTS = 8
const RETRY_MS = 250

// For a workstation that has other work to do: a small cache, no replication, one connection pool or two.
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  shared_buffers: "128MB",
  max_connections: "100",
  wal_level: "minimal",
  max_wal_senders: "0",
  jit: "off",
  log_min_duration_statement: "5s",
}
const THROWAWAY = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", autovacuum: "off" }

/** Starts the Postgres of a data folder, making it first where there is none. */
export async function startPostgres(options: PostgresOptions): Promise<RunningService> {
  const account = postgresAccount()
  if (account !== null) openTo(options.dataDir, account, POSTGRES_ACCOUNT)
  const home = ownedFolder(join(options.dataDir, "postgres"), account)
  const binaries = findPostgresBinaries(home, account)
  const cluster = join(home, "data")
  if (existsSync(join(cluster, "PG_VERSION"))) refuseOtherVersion(cluster, binaries)
  else initialise({ home, cluster, binaries, account })
  await clearStalePostmaster(cluster)

  const password = readFileSync(join(home, "password"), "utf8").trim()
  const { child, port } = await listen(options, { home, cluster, binaries, account })
  const at = (database: string): string => `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`
  await ensureDatabase(at)
  return { url: at(DATABASE), child }
}

interface Cluster {
  home: string
  cluster: string
  binaries: PostgresBinaries
  account: Account | null
}

function initialise({ home, cluster, binaries, account }: Cluster): void {
  const unfinished = `${cluster}.new`
  rmSync(unfinished, { recursive: true, force: true })
  writeSecret(join(home, "password"), `${randomBytes(24).toString("base64url")}\n`, account)
  const args = [
    `--pgdata=${unfinished}`,
    `--username=${USER}`,
    `--pwfile=${join(home, "password")}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    // Sorting must not change with the machine's C library.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-sync",
  ]
  const how = { encoding: "utf8", env: quietEnvironment(), cwd: home, ...account } as const
  const result = spawnSync(binaries.initdb, args, how)
  if (result.status !== 0)
    throw new StartFailure(
      `Postgres could not make its data in ${cluster}: ${result.stderr || result.error?.message}`,
    )
  renameSync(unfinished, cluster)
}

function refuseOtherVersion(cluster: string, { major }: PostgresBinaries): void {
  const found = readFileSync(join(cluster, "PG_VERSION"), "utf8").trim()
  if (found === major) return
  throw new StartFailure(
    `The data in ${cluster} was written by Postgres ${found}; this version of BooControl brings Postgres ${major}, ` +
      `which cannot read it.\nStart the BooControl that wrote it, or dump and reload it with the tools of both ` +
      `versions, or begin anew with another folder (--data-dir). Nothing has been changed.`,
  )
}

async function listen(options: PostgresOptions, cluster: Cluster): Promise<{ child: Child; port: number }> {
  const portFile = join(cluster.home, "port")
  const kept = Number(readIfThere(portFile) ?? Number.NaN)
  for (let attempt = 1; ; attempt++) {
    const port = await freePort("127.0.0.1", Number.isInteger(kept) ? kept : null)
    const started = await startOn(port, options, cluster)
    if (started.kind === "ready") {
      writeFileSync(portFile, String(port))
      return { child: started.child, port }
    }
    const passing = started.lines.some((line) => PASSING.some((words) => line.includes(words)))
    if (!passing || attempt === ATTEMPTS) throw started.failure
    await delay(RETRY_MS)
  }
}

function startOn(port: number, options: PostgresOptions, cluster: Cluster): Promise<ServerStart> {
  const settings = { ...SETTINGS, ...(options.throwaway === true ? THROWAWAY : {}), port: String(port) }
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  const server = {
    name: "postgres",
    file: cluster.binaries.postgres,
    args: ["-D", cluster.cluster, ...flags],
    cwd: cluster.home,
    env: quietEnvironment(),
    stage: STAGE.postgres,
    guard: options.guard,
    log: openLogFile(join(options.dataDir, "logs", "postgres.log")),
    // SIGINT is its fast shutdown: sessions are ended, everything is written.
    signal: "SIGINT",
    killAfterMs: 10_000,
    ...cluster.account,
  } as const
  return startServer(server, (line) => line.includes(READY))
}

async function ensureDatabase(at: (database: string) => string): Promise<void> {
  const first = postgres(at(DATABASE), { max: 1, onnotice: () => undefined })
  try {
    await first`select 1`
    return
  } catch (error) {
    // 3D000: no such database, as on the first start.
    if (codeOf(error) !== "3D000") throw error
  } finally {
    await first.end()
  }
  const admin = postgres(at("postgres"), { max: 1 })
  await admin.unsafe(`create database ${DATABASE}`)
  await admin.end()
}

// PG* variables of the person who starts us must not leak into our server.
function quietEnvironment(): NodeJS.ProcessEnv {
  const { PATH, SystemRoot, TEMP, TMPDIR } = process.env
  return { PATH, SystemRoot, TEMP, TMPDIR, LC_ALL: "C" }
}
