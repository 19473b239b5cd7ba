import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { connect as connectTo, createServer } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { connect, credsAuthenticator } from "@nats-io/transport-node"
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest"
import { decode } from "@nats-io/jwt"
import type { Account } from "@nats-io/jwt"
import { natsAuth } from "../../../deploy/local/src/services/nats-auth.ts"
import { natsForTest } from "../../../deploy/test/services/nats.ts"
import { testDatabase } from "../../../deploy/test/services/postgres.ts"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { World } from "../../test/running-hub.ts"
import { hostCredentials } from "../hosts/credentials.ts"
import { FleetSnapshot } from "@boocontrol/shared/fleet"
import { HostId, InstanceId } from "@boocontrol/shared/ids"
import { inboxPrefixOf, subjects } from "@boocontrol/shared/subjects"

const MAIN = join(import.meta.dirname, "../main.ts")
const SIDECAR = join(import.meta.dirname, "../../../sidecar/src/main.ts")

let world: World
beforeAll(async () => void (world = await newWorld("cli")))
afterAll(() => world.end())

function envOf(more: Record<string, string> = {}): Record<string, string> {
  return {
    DATABASE_URL: world.database.url,
    NATS_URL: world.nats.url,
    BOO_DATA_DIR: mkdtempSync(join(inject("testFolder"), "cli-")),
    BOO_LISTEN: "127.0.0.1:0",
    BOO_LOG_FORMAT: "json",
    ...more,
  }
}

interface Ended {
  code: number
  out: string
  err: string
}

const hub = (args: string[], env: Record<string, string> = envOf()) => node([MAIN, ...args], env)

function node(args: string[], env: Record<string, string>): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err })
    })
  })
}

describe("the command line", () => {
  it.each([
    ["export", 2, "export needs --out FOLDER"],
    ["export --out x --what secrets", 2, "--what secrets is not known: activity, model-events, perf-raw"],
    ["export --out x --from yesterday", 2, "--from yesterday is no time"],
    ["export --out x --from 2026-11-23 --to 2026-11-22", 2, "--from is not before --to"],
    ["token create", 2, "nothing is no label"],
    ["token create ann --role root", 2, "--role root is not admin or read"],
    ["token create ann --days never", 2, "--days never is no number of days"],
    ["token destroy ann", 2, "token create <label>"],
    ["token revoke nobody", 1, "No token nobody is in force"],
    ["host rotate nowhere", 1, "No host nowhere"],
    ["host", 2, "host add <id>"],
    ["host add Not_A_Slug", 2, "Not_A_Slug is no host id"],
    ["frobnicate", 2, "No such command: frobnicate"],
    ["serve --nonsense", 2, "--nonsense"],
  ])("answers %s with %i", async (line, code, said) => {
    const ended = await hub(line.split(" "))
    expect([ended.code, ended.err.includes(said)]).toEqual([code, true])
  })

  it("names every setting that is wrong, and ends with 2", async () => {
    const ended = await hub(["serve"], { BOO_LISTEN: "nowhere", NATS_URL: world.nats.url })
    expect(ended.code).toBe(2)
    expect(ended.err).toMatch(/DATABASE_URL is not set[\s\S]*BOO_LISTEN is "nowhere"/)
  })

  it("migrates once, registers a host, lists it, forgets it", async () => {
    const database = await testDatabase("cli_hosts")
    const env = envOf({ DATABASE_URL: database.url })
    expect((await hub(["migrate"], env)).out).toContain("0001_hosts")
    expect((await hub(["migrate"], env)).out).toBe("nothing to do\n")
    const added = await hub(["host", "add", "box"], env)
    expect(added.out).toContain(`BOO_HOST_ID=box NATS_URL=${world.nats.url} boocontrol-sidecar run`)
    expect((await hub(["host", "list"], env)).out).toBe("box\tenabled\tnever seen\t-\n")
    expect((await hub(["host", "remove", "box"], env)).code).toBe(0)
    expect(await hub(["host", "remove", "box"], env)).toMatchObject({ code: 1, err: "No host box.\n" })
  })
})

function revocationsOf(folder: string): Record<string, number> {
  return decode<Account>(readFileSync(join(folder, "account.jwt"), "utf8").trim()).nats.revocations ?? {}
}

describe("credentials of a host", () => {
  it("let it speak for itself alone, on a NATS that asks who one is", async () => {
    const nats = await natsForTest({ auth: true })
    const dataDir = mkdtempSync(join(inject("testFolder"), "creds-"))
    mkdirSync(join(dataDir, "nats"))
    for (const file of ["account.seed", "account.pub"]) {
      writeFileSync(join(dataDir, "nats", file), readFileSync(join(nats.folder, file)))
    }
    const id = HostId.parse("box")
    const path = await hostCredentials(dataDir).of(id)
    if (path === null) throw new Error("no credentials")
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await hostCredentials(dataDir).of(id)).toBe(path)

    const denied: string[] = []
    const nc = await connect({
      servers: nats.url,
      authenticator: credsAuthenticator(readFileSync(path)),
      inboxPrefix: inboxPrefixOf(id),
    })
    const watch = (async () => {
      for await (const status of nc.status()) if (status.type === "error") denied.push(status.error.message)
    })()
    const heard: string[] = []
    const instance = InstanceId.parse("00000000-0000-4000-8000-000000000001")
    nc.subscribe(subjects.commandsOf(id), { callback: (_error, message) => void heard.push(message.subject) })
    await nc.flush()
    nc.publish(subjects.event(id, "presence"), "{}")
    await nc.flush()
    expect(denied).toEqual([])
    nc.publish(subjects.event(HostId.parse("other"), "presence"), "{}")
    nc.publish(subjects.refused(HostId.parse("other"), instance), "{}")
    await nc.flush()
    await expect.poll(() => denied.length, { timeout: 30_000 }).toBe(2)
    expect(denied.every((message) => message.includes("other"))).toBe(true)
    await nc.close()
    await watch
  })

  it("are replaced by `host rotate`: the old ones are refused at once and after a restart, the new ones work", async () => {
    const nats = await natsForTest({ auth: true })
    const dataDir = mkdtempSync(join(inject("testFolder"), "rotate-"))
    symlinkSync(nats.folder, join(dataDir, "nats"))
    const env = envOf({ BOO_DATA_DIR: dataDir, NATS_URL: nats.url })
    expect((await hub(["host", "add", "turned"], env)).code).toBe(0)
    const file = join(nats.folder, "hosts", "turned.creds")
    const enter = (creds: Uint8Array) =>
      connect({ servers: nats.url, authenticator: credsAuthenticator(creds), reconnect: false })
    const old = readFileSync(file)
    const before = await enter(old)

    const rotated = await hub(["host", "rotate", "turned"], env)
    expect(rotated).toMatchObject({ code: 0, err: "", out: expect.stringContaining("refused from now on") })
    expect(String(await before.closed())).toMatch(/revoked|authorization/i)
    await expect(enter(old)).rejects.toThrow(/authorization/i)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await (await enter(readFileSync(file))).close()

    // As the launcher does at each start: it reads the folder anew.
    const { accounts } = await natsAuth(nats.folder)
    expect(Object.values(accounts)).toContain(readFileSync(join(nats.folder, "account.jwt"), "utf8").trim())
    expect(Object.keys(revocationsOf(nats.folder))).toHaveLength(1)
  })

  it("reach the machine by `enroll`, which speaks for that host, also after its credentials were replaced", async () => {
    const nats = await natsForTest({ auth: true })
    const dataDir = mkdtempSync(join(inject("testFolder"), "enrol-"))
    symlinkSync(nats.folder, join(dataDir, "nats"))
    const own = await runHub(
      { ...world, nats },
      {
        env: {
          BOO_DATA_DIR: dataDir,
          NATS_CREDS: nats.auth?.hubCreds ?? "",
          BOO_ADMIN_TOKEN: "t".repeat(20),
        },
      },
    )
    onTestFinished(() => own.stop())
    const env = envOf({ BOO_DATA_DIR: dataDir, NATS_URL: nats.url, BOO_LISTEN: new URL(own.url).host })
    const added = await hub(["host", "add", "far"], env)
    const [, url = "", token = ""] = /enroll --hub (\S+) --token (\S+) && /.exec(added.out) ?? []
    expect(url).toBe(own.url)
    const machine = mkdtempSync(join(inject("testFolder"), "machine-"))
    const sidecar = (args: string[]) => node([SIDECAR, ...args], { BOO_DATA_DIR: machine, PATH: "/nowhere" })
    const first = await sidecar(["enroll", "--hub", url, "--token", token])
    expect(first).toMatchObject({ code: 0, out: expect.stringContaining("This machine is host far now") })
    const checked = await sidecar(["doctor"])
    expect(checked.out).toMatch(/nats +connected, and may publish and be told as far/)
    expect(await sidecar(["enroll", "--hub", url, "--token", token])).toMatchObject({
      ...{ code: 1, err: expect.stringContaining("for far was used already") },
    })

    const idle = { LLAMA_SWAP_URL: "http://127.0.0.1:1", NVIDIA_SMI: "/nowhere" }
    const running = spawn(process.execPath, [SIDECAR, "run"], {
      ...{ env: { BOO_DATA_DIR: machine, ...idle }, stdio: "ignore" },
    })
    onTestFinished(() => void running.kill("SIGKILL"))
    const headers = { authorization: `Bearer ${"t".repeat(20)}` }
    const seenAt = async (): Promise<string> => {
      const { hosts } = FleetSnapshot.parse(await (await own.get("/fleet", { headers })).json())
      return hosts.find(({ provider_id }) => provider_id === "far")?.last_seen_at ?? ""
    }
    await expect.poll(seenAt, { timeout: 30_000 }).not.toBe("")
    expect((await hub(["host", "rotate", "far"], env)).code).toBe(0)
    const before = await seenAt()
    copyFileSync(join(nats.folder, "hosts", "far.creds"), join(machine, "far.creds"))
    // By itself, with the new ones: nobody starts it again.
    await expect.poll(async () => (await seenAt()) > before, { timeout: 60_000 }).toBe(true)
    expect(running.exitCode).toBeNull()
  }, 120_000)

  it("are not made where NATS is not ours", async () => {
    const dataDir = mkdtempSync(join(inject("testFolder"), "creds-"))
    expect(await hostCredentials(dataDir).of(HostId.parse("box"))).toBeNull()
    expect(existsSync(join(dataDir, "nats"))).toBe(false)
  })
})

describe("tokens", () => {
  it("are made, listed without their text, and refused once they are revoked", async () => {
    const env = envOf()
    const made = await hub(["token", "create", "ann", "--role", "admin", "--days", "30"], env)
    expect(made).toMatchObject({ code: 0, err: expect.stringContaining("Token ann (admin) is good until 2") })
    expect(made.out).toMatch(/^boo_[\w-]{43}\n$/)
    expect(await hub(["token", "create", "ann"], env)).toMatchObject({ code: 1, out: "" })
    const listed = (await hub(["token", "list"], env)).out
    expect(listed).toMatch(/^ann\tadmin\tuntil \S+\tnever used\t[\w-]+\n$/)
    expect(listed).not.toContain(made.out.trim())
    expect((await hub(["token", "revoke", "ann"], env)).out).toBe("Token ann is revoked.\n")
    expect((await hub(["token", "list"], env)).out).toContain("ann\tadmin\trevoked 2")
    expect((await hub(["token", "create", "ann"], env)).code).toBe(0)
  })
})

describe("serve", () => {
  const start = (more: Record<string, string> = {}) => {
    const child = spawn(process.execPath, [MAIN], { env: envOf(more), stdio: ["pipe", "pipe", "inherit"] })
    const ended = new Promise<number | null>((resolve) => child.on("exit", resolve))
    const listening = new Promise<string>((resolve, reject) => {
      child.on("exit", () => reject(new Error("ended before it listened")))
      createInterface(child.stdout).on("line", (line) => {
        const record: unknown = JSON.parse(line)
        if (typeof record === "object" && record !== null && "address" in record)
          resolve(String(record.address))
      })
    })
    return { child, ended, listening }
  }

  it.each(["SIGTERM", "SIGINT"] as const)("drains and ends with 0 on %s", async (signal) => {
    const { child, ended, listening } = start()
    const health = await fetch(new URL("/api/health", await listening))
    expect(health.status).toBe(200)
    child.kill(signal)
    expect(await ended).toBe(0)
  })

  it("outlives connections to Postgres that break while they are being opened", async () => {
    const target = new URL(world.database.url)
    const postgresPort = Number(target.port)
    let breaks = 0
    const gate = createServer((client) => {
      const upstream = connectTo(postgresPort, target.hostname)
      client.on("data", (sent) => {
        // What the library asks first of each connection.
        if (breaks < 3 && sent.includes("typarray")) {
          breaks++
          client.destroy()
        } else upstream.write(sent)
      })
      upstream.pipe(client)
      for (const end of [client, upstream]) end.on("error", () => undefined)
      client.on("close", () => upstream.destroy())
    })
    await new Promise<void>((resolve) => gate.listen(0, "127.0.0.1", resolve))
    const address = gate.address()
    target.port = String(typeof address === "object" && address ? address.port : 0)
    const { child, ended, listening } = start({ DATABASE_URL: target.href })
    expect((await fetch(new URL("/api/health", await listening))).status).toBe(200)
    expect(breaks).toBe(3)
    child.kill("SIGTERM")
    expect(await ended).toBe(0)
    gate.close()
  }, 30_000)

  it("says who has its port and ends, with nothing left that keeps it alive", async () => {
    const squatter = createServer().listen(0, "127.0.0.1")
    await once(squatter, "listening")
    onTestFinished(() => void squatter.close())
    const address = squatter.address()
    const port = typeof address === "object" && address ? address.port : 0
    const ended = await hub(["serve"], envOf({ BOO_LISTEN: `127.0.0.1:${port}` }))
    expect(ended).toMatchObject({
      code: 1,
      err: `The hub cannot listen at 127.0.0.1:${port}: another program has it. Stop that one, or give another port (BOO_LISTEN).\n`,
    })
  }, 30_000)

  it("ends when what started it is gone", async () => {
    const { child, ended, listening } = start({ BOO_LIFELINE: "1" })
    await listening
    child.stdin.end()
    expect(await ended).toBe(0)
  })
})
