import { createHash } from "node:crypto"
import { once } from "node:events"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { run } from "../run-program.ts"
import { findNatsServer } from "./nats-binary.ts"
import type { NatsWay } from "./nats-binary.ts"
import { downloadRelease, RELEASES } from "./nats-release.ts"

const folder = (): string => mkdtempSync(join(inject("testFolder"), "binary-"))
const PROGRAM = "#!/bin/sh\necho nats-server: v0\n"

const works: NatsWay = {
  name: "works",
  fetch: (target) => {
    writeFileSync(target, PROGRAM)
    chmodSync(target, 0o755)
    return Promise.resolve()
  },
}
const fails: NatsWay = { name: "fails", fetch: () => Promise.reject(new Error("no network")) }
const broken: NatsWay = {
  name: "broken",
  fetch: (target) => {
    writeFileSync(target, "not a program")
    return Promise.resolve()
  },
}

describe("findNatsServer", () => {
  it("takes an installed one and fetches nothing", async () => {
    const found = await findNatsServer({
      ...{ dataDir: folder(), onProgress: () => undefined, ways: [fails] },
      onPath: () => "/usr/sbin/nats-server",
    })
    expect(found).toBe("/usr/sbin/nats-server")
  })

  it("goes on to the next way, keeps what runs, and finds it again", async () => {
    const said: string[] = []
    const options = { dataDir: folder(), onProgress: (line: string) => said.push(line), onPath: () => null }
    const found = await findNatsServer({ ...options, ways: [fails, broken, works] })
    expect(readFileSync(found, "utf8")).toBe(PROGRAM)
    expect(said).toHaveLength(3)
    expect(await findNatsServer({ ...options, ways: [] })).toBe(found)
  })

  it("names every way it tried and what to install when all fail", async () => {
    const dataDir = folder()
    const failure = findNatsServer({
      dataDir,
      onProgress: () => undefined,
      onPath: () => null,
      ways: [fails, broken],
    })
    await expect(failure).rejects.toThrow(
      /fails: no network[^]*broken: [^]*apt install nats-server[^]*NATS_URL/,
    )
    expect(existsSync(join(dataDir, "bin", "fetched-nats-server"))).toBe(false)
  })
})

describe("downloadRelease", () => {
  const served = createServer((request, response) => {
    if (request.url === "/release.tar.gz") response.end(archive)
    else response.writeHead(404).end()
  })
  let archive: Buffer
  let base: string

  beforeAll(async () => {
    const work = folder()
    mkdirSync(join(work, "nats-server-v0"))
    writeFileSync(join(work, "nats-server-v0", "nats-server"), PROGRAM)
    await run("tar", ["-czf", "release.tar.gz", "nats-server-v0"], { cwd: work })
    archive = readFileSync(join(work, "release.tar.gz"))
    served.listen(0, "127.0.0.1")
    await once(served, "listening")
    const { port } = served.address() as AddressInfo
    base = `http://127.0.0.1:${port}`
  })
  afterAll(() => served.close())

  const source = (file: string, sha256: string): Parameters<typeof downloadRelease>[1] => ({
    platform: "here",
    base,
    releases: { here: { file, sha256 } },
  })

  it("unpacks the program when the checksum is the pinned one", async () => {
    const target = join(folder(), "nats-server")
    await downloadRelease(
      target,
      source("release.tar.gz", createHash("sha256").update(archive).digest("hex")),
    )
    expect(await run(target, [])).toBe("nats-server: v0\n")
  })

  it("throws away an archive with another checksum", async () => {
    const target = join(folder(), "nats-server")
    await expect(downloadRelease(target, source("release.tar.gz", "0".repeat(64)))).rejects.toThrow(
      "thrown away",
    )
    expect(existsSync(target)).toBe(false)
  })

  it("says what the server answered when there is no such file", async () => {
    await expect(downloadRelease("unused", source("other.tar.gz", ""))).rejects.toThrow("answered 404")
  })

  it("pins a full SHA-256 for every platform it knows", () => {
    for (const release of Object.values(RELEASES)) expect(release.sha256).toMatch(/^[0-9a-f]{64}$/)
  })
})
