import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, inject, it, onTestFinished } from "vitest"
import { clearLeftovers } from "./leftovers.ts"
import { lockFolder } from "./lock.ts"
import { identify, isRunning } from "./processes/identity.ts"
import type { ProcessIdentity } from "./processes/identity.ts"

const folder = (): string => mkdtempSync(join(inject("testFolder"), "lock-"))
const SINCE = "2026-11-22T12:00:00.000Z"

async function bystander(): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ["-e", "console.log(1); process.stdin.resume()"], { detached: true })
  onTestFinished(() => void child.kill("SIGKILL"))
  await once(child.stdout, "data")
  return identify(child.pid ?? 0)
}

describe("the lock of a data folder", () => {
  it("lets one in, names it to the next, and opens again after it", () => {
    const dataDir = folder()
    const lock = lockFolder(dataDir, SINCE)
    expect(() => lockFolder(dataDir, SINCE)).toThrow(`process ${process.pid}, since ${SINCE}`)
    lock.release()
    lockFolder(dataDir, SINCE).release()
    expect(readdirSync(dataDir)).toEqual([])
  })

  it.each([
    ["a dead process", { pid: 2 ** 22 + 1, startedAt: null, since: SINCE }],
    [
      "a process whose pid somebody else has by now",
      { pid: process.pid, startedAt: "another life", since: SINCE },
    ],
    ["nobody, being cut off", "{"],
  ])("passes over a lock of %s", (_, holder) => {
    const dataDir = folder()
    writeFileSync(
      join(dataDir, "launcher.lock"),
      typeof holder === "string" ? holder : JSON.stringify(holder),
    )
    expect(() => lockFolder(dataDir, SINCE).release()).not.toThrow()
  })

  it("respects a living holder", async () => {
    const dataDir = folder()
    const other = await bystander()
    writeFileSync(join(dataDir, "launcher.lock"), JSON.stringify({ ...other, since: SINCE }))
    expect(() => lockFolder(dataDir, SINCE)).toThrow(`process ${other.pid}`)
  })
})

describe("what an earlier crash left", () => {
  const how = { name: "hub", stage: 2, signal: "SIGTERM", killAfterMs: 1000 }

  it("is ended", async () => {
    const record = join(folder(), "children.json")
    const left = await bystander()
    writeFileSync(record, JSON.stringify([{ ...left, ...how }]))
    expect(await clearLeftovers(record)).toEqual(["hub"])
    expect(isRunning(left)).toBe(false)
  })

  it("does not include a stranger who got the pid since", async () => {
    const record = join(folder(), "children.json")
    const stranger = await bystander()
    writeFileSync(record, JSON.stringify([{ ...stranger, startedAt: "earlier", ...how }]))
    expect(await clearLeftovers(record)).toEqual([])
    expect(isRunning(stranger)).toBe(true)
  })

  it.each(["", "[", '[{"pid":"1"}]'])("is nothing where the record is %j", async (content) => {
    const record = join(folder(), "children.json")
    writeFileSync(record, content)
    expect(await clearLeftovers(record)).toEqual([])
  })
})
