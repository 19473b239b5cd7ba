import { execFileSync } from "node:child_process"
import {
  chmodSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import * as z from "zod/mini"
import { systemClock } from "../platform/clock.ts"
import { diskSpool } from "./disk.ts"
import { folderFiles } from "./files.ts"
import { openSpoolFolder } from "./folder.ts"
import type { SpoolRecord } from "./ports.ts"
import { message, sized } from "./test/messages.ts"

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "boocontrol-spool-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function openIn(folder: string, maxBytes = 50_000_000) {
  const clock = systemClock()
  const log = { info: () => {}, warn: () => {} }
  const spool = diskSpool({ files: folderFiles(join(folder, "messages")), maxBytes, clock, log })
  const sendable: SpoolRecord[] = []
  await spool.open({
    onSendable: (record) => void sendable.push(record),
    onLoss: () => {},
    onProblem: () => {},
  })
  onTestFinished(() => spool.close())
  const problem = () => spool.status().problem ?? null
  return { spool, sendable, problem }
}

/** A small file system of its own; null where this user may not make one. */
function smallDisk(): string | null {
  const folder = freshFolder()
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", folder], { stdio: "ignore" })
  } catch {
    return null
  }
  onTestFinished(() => void execFileSync("umount", ["-l", folder]))
  return folder
}

describe("the spool in real files", () => {
  it("is there again for the next life, only for its owner's eyes", async () => {
    const folder = freshFolder()
    const first = await openIn(folder)
    for (let seq = 1; seq <= 300; seq += 1)
      await first.spool.append(sized(seq % 2 ? "BOO_EVENTS" : "BOO_PERF", seq, 5_000))
    first.spool.remove("BOO_EVENTS", 1)
    await first.spool.close()
    for (const name of readdirSync(join(folder, "messages")))
      expect(statSync(join(folder, "messages", name)).mode & 0o077).toBe(0)
    const { spool } = await openIn(folder)
    expect(spool.status().depth).toBe(299)
    const [record] = await spool.read("BOO_EVENTS", 0, 1)
    expect(record).toMatchObject({ seq: 3, payload: sized("BOO_EVENTS", 3, 5_000).payload })
  })

  it("can be written over in place", async () => {
    const folder = freshFolder()
    const files = folderFiles(folder)
    const made = await files.create("events-0000000001.log")
    await made.write([Buffer.from("first, second")], 0)
    await made.close()
    const again = await files.open("events-0000000001.log")
    await again.write([Buffer.from("FIRST")], 0)
    await again.sync()
    await again.close()
    expect(readFileSync(join(folder, "events-0000000001.log"), "utf8")).toBe("FIRST, second")
    await expect(files.open("events-0000000002.log")).rejects.toThrow("ENOENT")
  })

  it("holds on where the folder is taken away, and goes on in a new one", async () => {
    const folder = freshFolder()
    const { spool, problem } = await openIn(folder)
    await spool.append(message("BOO_EVENTS", 1))
    rmSync(join(folder, "messages"), { recursive: true })
    writeFileSync(join(folder, "messages"), "in the way")
    // A file that is open can be written although nobody finds it any more; a new one cannot be made.
    const late = [2, 3].map((seq) => spool.append(sized("BOO_PERF", seq, 100)))
    await vi.waitFor(() => expect(problem()).toMatch(/cannot be written/))
    rmSync(join(folder, "messages"))
    await Promise.all(late)
    expect(problem()).toBeNull()
  })

  it.runIf(smallDiskIsPossible())(
    "runs on while the disk is full, and writes again when there is room",
    async () => {
      const disk = smallDisk() ?? ""
      const { spool, sendable, problem } = await openIn(disk)
      const fat = join(disk, "something else")
      writeFileSync(fat, Buffer.alloc(700_000))
      const kept: Promise<void>[] = []
      for (let seq = 1; seq <= 100; seq += 1) kept.push(spool.append(sized("BOO_EVENTS", seq, 10_000)))
      await vi.waitFor(() => expect(problem()).toContain("ENOSPC"))
      await vi.waitFor(() => expect(new Set(sendable.map(({ seq }) => seq)).size).toBe(100))
      expect(spool.status().depth).toBe(100)
      rmSync(fat)
      for (const { lane, position, seq } of [...sendable]) if (seq <= 40) spool.remove(lane, position)
      await Promise.all(kept)
      expect(problem()).toBeNull()
      await spool.close()
      const next = await openIn(disk)
      expect((await next.spool.read("BOO_EVENTS", 0, 1))[0]?.seq).toBe(41)
      expect(next.spool.status().depth).toBe(60)
    },
  )

  it.runIf(process.getuid?.() !== 0 || smallDiskIsPossible())(
    "sends what is left on a disk that has become read-only",
    async () => {
      const disk = smallDisk() ?? freshFolder()
      const first = await openIn(disk)
      for (let seq = 1; seq <= 5; seq += 1) await first.spool.append(message("BOO_EVENTS", seq))
      await first.spool.close()
      if (process.getuid?.() === 0) execFileSync("mount", ["-o", "remount,ro", disk])
      else chmodSync(join(disk, "messages"), 0o500)
      const { spool, problem } = await openIn(disk)
      void spool.append(message("BOO_EVENTS", 6)).catch(() => undefined)
      await vi.waitFor(() => expect(problem()).toMatch(/EROFS|EACCES/))
      const left = await spool.read("BOO_EVENTS", 0, 10)
      expect(left.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
      const more = await spool.read("BOO_EVENTS", left.at(-1)?.position ?? 0, 10)
      expect(more.map(({ seq }) => seq)).toEqual([6])
      for (const { position } of [...left, ...more]) spool.remove("BOO_EVENTS", position)
      expect(spool.status().depth).toBe(0)
      if (process.getuid?.() !== 0) chmodSync(join(disk, "messages"), 0o700)
    },
  )

  it.runIf(smallDiskIsPossible())(
    "goes without a folder that a read-only disk has not, says why, and makes it when it can",
    async () => {
      const disk = smallDisk() ?? freshFolder()
      execFileSync("mount", ["-o", "remount,ro", disk])
      const path = join(disk, "deep", "spool")
      const folder = openSpoolFolder(path)
      folder.save("cursor", { n: 1 })
      expect(folder.load("cursor", z.unknown())).toBeNull()
      const { spool, problem } = await openIn(path)
      void spool.append(message("BOO_EVENTS", 1)).catch(() => undefined)
      await vi.waitFor(() => expect(problem()).toMatch(/EROFS/))
      execFileSync("mount", ["-o", "remount,rw", disk])
      await vi.waitFor(() => expect(problem()).toBeNull(), { timeout: 15_000 })
      folder.save("cursor", { n: 2 })
      expect(folder.load("cursor", z.unknown())).toEqual({ n: 2 })
      folder.release()
    },
    20_000,
  )
})

function smallDiskIsPossible(): boolean {
  if (process.getuid?.() !== 0) return false
  const folder = mkdtempSync(join(tmpdir(), "boocontrol-mount-"))
  mkdirSync(folder, { recursive: true })
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", folder], { stdio: "ignore" })
    execFileSync("umount", [folder])
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
