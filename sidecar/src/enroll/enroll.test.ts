import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { Server } from "node:http"
import { join } from "node:path"
import { parseEnv } from "node:util"
import { describe, expect, inject, it, onTestFinished } from "vitest"
import { readConfig } from "../config.ts"
import { envFileText } from "./env-file.ts"

const MAIN = join(import.meta.dirname, "../main.ts")
const folder = () => mkdtempSync(join(inject("testFolder"), "enroll-"))

function sidecar(args: string[], env: Record<string, string>): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out: out + err }),
    )
  })
}

/** A hub that has one answer; the tests of the hub show that a real one answers so. */
async function hubThatSays(status: number, body: unknown): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server: Server = createServer((request, reply) => {
    let sent = ""
    request.on("data", (chunk: Buffer) => (sent += chunk.toString()))
    request.on("end", () => {
      asked.push(`${request.method} ${request.url} ${sent}`)
      reply.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/control`, asked }
}

const ENROLLED = { provider_id: "gpu-1", nats_url: "nats://boo.lan:4222", creds: "-----CREDS-----\n" }

describe("enroll", () => {
  it("keeps what the hub says for its owner only, and every later run uses it", async () => {
    const dataDir = folder()
    const hub = await hubThatSays(200, ENROLLED)
    const env = { BOO_DATA_DIR: dataDir, LLAMA_SWAP_URL: "http://127.0.0.1:9292", LLAMA_SWAP_API_KEY: "a b" }
    const ended = await sidecar(["enroll", "--hub", `${hub.url}/`, "--token", "booe_x"], env)
    expect(ended).toMatchObject({ code: 0, out: expect.stringContaining("This machine is host gpu-1 now") })
    expect(ended.out).not.toContain("a b")
    expect(hub.asked).toEqual(['POST /control/api/control/enroll {"token":"booe_x"}'])
    const creds = join(dataDir, "gpu-1.creds")
    expect(readFileSync(creds, "utf8")).toBe(ENROLLED.creds)
    for (const file of [creds, join(dataDir, "sidecar.env")]) expect(statSync(file).mode & 0o777).toBe(0o600)

    const later = await readConfig({}, { BOO_DATA_DIR: dataDir })
    expect(later).toMatchObject({
      hostId: "gpu-1",
      nats: { servers: ["nats://boo.lan:4222"], credsFile: creds },
      engine: { url: "http://127.0.0.1:9292", apiKey: "a b" },
      spool: { folder: join(dataDir, "spool/gpu-1") },
    })
    const own = await readConfig({}, { BOO_DATA_DIR: dataDir, LLAMA_SWAP_URL: "http://127.0.0.1:1" })
    expect(own).toMatchObject({ hostId: "gpu-1", engine: { url: "http://127.0.0.1:1" } })
    const elsewhere = await readConfig({}, { BOO_DATA_DIR: dataDir, NATS_URL: "nats://other:4222" })
    expect(elsewhere.nats).toEqual({ servers: ["nats://other:4222"], credsFile: null })
  })

  it("needs no credentials where NATS asks for none", async () => {
    const dataDir = folder()
    const hub = await hubThatSays(200, { ...ENROLLED, creds: null })
    await sidecar(["enroll", "--hub", hub.url, "--token", "x"], { BOO_DATA_DIR: dataDir })
    expect((await readConfig({}, { BOO_DATA_DIR: dataDir })).nats.credsFile).toBeNull()
  })

  it("says the hub's own words when it refuses, and keeps nothing", async () => {
    const dataDir = folder()
    const hub = await hubThatSays(403, {
      error: "This enrolment token was used already",
      code: "ENROLMENT_REFUSED",
      origin: "hub",
    })
    const ended = await sidecar(["enroll", "--hub", hub.url, "--token", "x"], { BOO_DATA_DIR: dataDir })
    expect(ended).toEqual({ code: 1, out: "This enrolment token was used already\n" })
    expect(existsSync(join(dataDir, "sidecar.env"))).toBe(false)
  })

  it("tells a page that is no hub, and a hub that is not there", async () => {
    const env = { BOO_DATA_DIR: folder() }
    const page = await hubThatSays(200, { hello: "world" })
    expect((await sidecar(["enroll", "--hub", page.url, "--token", "x"], env)).out).toContain(
      "not as a hub does",
    )
    const gone = await sidecar(["enroll", "--hub", "http://127.0.0.1:1", "--token", "x"], env)
    expect(gone).toMatchObject({
      code: 1,
      out: expect.stringContaining("cannot be reached from this machine"),
    })
  })

  it("asks for nothing when it could not keep the answer", async () => {
    const hub = await hubThatSays(200, ENROLLED)
    const file = join(folder(), "a-file")
    writeFileSync(file, "")
    const ended = await sidecar(["enroll", "--hub", hub.url, "--token", "x"], { BOO_DATA_DIR: file })
    expect(ended).toMatchObject({ code: 1, out: expect.stringContaining("cannot be written") })
    expect(hub.asked).toEqual([])
  })
})

describe("the settings file", () => {
  it.each(["plain", "a b", 'say "x"', "$HOME #1", "nats://a:1,nats://b:2", "50%", "C:\\boo\\new"])(
    "gives %s back",
    (value) => {
      expect(parseEnv(envFileText(new Map([["A", value]])) ?? "")).toEqual({ A: value })
    },
  )
  it.each(["it's", "a\nb"])("does not take %j, which not all read alike", (value) => {
    expect(envFileText(new Map([["A", value]]))).toBeNull()
  })
})
