import { once } from "node:events"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import postgres from "postgres"
import { describe, expect, inject, it, onTestFinished } from "vitest"
import { sharedGuard } from "../processes/guard.ts"
import { isRunning, identify } from "../processes/identity.ts"
import { startPostgres } from "./postgres.ts"
import type { RunningService } from "./postgres.ts"

function folder(): string {
  const path = mkdtempSync(join(inject("testFolder"), "postgres-"))
  chmodSync(path, 0o755)
  return path
}

async function start(dataDir: string, throwaway = true): Promise<RunningService> {
  const running = await startPostgres({ dataDir, guard: sharedGuard(), throwaway })
  onTestFinished(() => running.child.stop())
  return running
}

async function query(url: string, text: string): Promise<unknown[]> {
  const sql = postgres(url, { max: 1 })
  try {
    return [...(await sql.unsafe(text))]
  } finally {
    await sql.end()
  }
}

describe("the embedded Postgres", () => {
  it("keeps data, password and port over a restart", async () => {
    const dataDir = folder()
    const first = await start(dataDir)
    await query(first.url, "create table kept (a int); insert into kept values (7)")
    await first.child.stop()
    expect(isRunning(identify(first.child.pid))).toBe(false)
    const second = await start(dataDir)
    expect(second.url).toBe(first.url)
    expect(await query(second.url, "select a from kept")).toEqual([{ a: 7 }])
  })

  it("comes back after being killed, although its pid file names a living process", async () => {
    const dataDir = folder()
    const first = await start(dataDir, false)
    await query(first.url, "create table kept (a int)")
    first.child.kill()
    await first.child.exited
    const pidFile = join(dataDir, "postgres", "data", "postmaster.pid")
    // As in a container: the number was given to somebody else, here to the server that all tests share.
    const other = readFileSync(
      join(inject("testFolder"), "postgres", "data", "postmaster.pid"),
      "utf8",
    ).split("\n")[0]
    writeFileSync(pidFile, readFileSync(pidFile, "utf8").replace(/^\d+/, String(other)))
    const second = await start(dataDir, false)
    expect(await query(second.url, "select count(*)::int as n from kept")).toEqual([{ n: 0 }])
  })

  it("takes another port when its own was taken meanwhile", async () => {
    const dataDir = folder()
    const first = await start(dataDir)
    await first.child.stop()
    const squatter = createServer().listen(Number(new URL(first.url).port), "127.0.0.1")
    await once(squatter, "listening")
    onTestFinished(() => void squatter.close())
    const second = await start(dataDir)
    expect(new URL(second.url).port).not.toBe(new URL(first.url).port)
  })

  it("lets nobody in without the password, and keeps that from other users", async () => {
    const dataDir = folder()
    const { url } = await start(dataDir)
    const without = new URL(url)
    without.password = "wrong"
    await expect(query(without.href, "select 1")).rejects.toThrow(/password authentication failed/)
    expect(statSync(join(dataDir, "postgres", "password")).mode & 0o777).toBe(0o600)
  })

  it("leaves the data of another Postgres version alone and says so", async () => {
    const dataDir = folder()
    const cluster = join(dataDir, "postgres", "data")
    mkdirSync(cluster, { recursive: true })
    writeFileSync(join(cluster, "PG_VERSION"), "15\n")
    await expect(start(dataDir)).rejects.toThrow(/written by Postgres 15[^]*Postgres 18/)
    expect(existsSync(join(cluster, "postgresql.conf"))).toBe(false)
  })

  it("begins again where the first initialisation was cut off", async () => {
    const dataDir = folder()
    const unfinished = join(dataDir, "postgres", "data.new")
    mkdirSync(unfinished, { recursive: true })
    writeFileSync(join(unfinished, "PG_VERSION"), "18\n")
    const { url } = await start(dataDir)
    expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }])
    expect(existsSync(unfinished)).toBe(false)
  })
})
