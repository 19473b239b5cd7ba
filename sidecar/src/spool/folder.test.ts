import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as z from "zod/mini"
import { cursorStore } from "./cursor.ts"
import { folderFiles } from "./files.ts"
import { openSpoolFolder, SpoolFolderError } from "./folder.ts"

const fresh = () => join(mkdtempSync(join(tmpdir(), "boocontrol-spool-")), "deep", "spool")

describe("the spool folder", () => {
  it("gives an installation the same identity at each start", () => {
    const path = fresh()
    const first = openSpoolFolder(path)
    first.release()
    expect(openSpoolFolder(path).instance).toBe(first.instance)
    expect(openSpoolFolder(fresh()).instance).not.toBe(first.instance)
  })

  it("refuses a second process while the first one runs, and names it", () => {
    const path = fresh()
    openSpoolFolder(path).release()
    const start = readFileSync("/proc/1/stat", "utf8").split(" ")[21]
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
    writeFileSync(join(path, "running.json"), JSON.stringify({ pid: 1, started: `${boot}/${start}` }))
    expect(() => openSpoolFolder(path)).toThrow(/process 1\) runs in/)
  })

  it.each([
    ["that is gone", { pid: 4_194_303, started: null }],
    ["whose number now belongs to another", { pid: 1, started: "an earlier boot/1" }],
  ])("takes over from a process %s", (_, holder) => {
    const path = fresh()
    openSpoolFolder(path).release()
    writeFileSync(join(path, "running.json"), JSON.stringify(holder))
    const folder = openSpoolFolder(path)
    expect(JSON.parse(readFileSync(join(path, "running.json"), "utf8"))).toMatchObject({ pid: process.pid })
    folder.release()
    folder.release()
  })

  it("says what is wrong with a folder that cannot be made", () => {
    const file = join(mkdtempSync(join(tmpdir(), "boocontrol-spool-")), "file")
    writeFileSync(file, "")
    expect(() => openSpoolFolder(join(file, "spool"))).toThrow(SpoolFolderError)
  })

  it("does not try for ever to make one where none can be made", async () => {
    expect(() => openSpoolFolder("/proc/1/deep/spool")).toThrow(/\/proc\/1\/deep\/spool cannot be made/)
    await expect(folderFiles("/proc/1/deep/spool").create("a")).rejects.toThrow(/ENOENT|EACCES/)
  })

  it("gives back what was saved, and nothing where it makes no sense", () => {
    const folder = openSpoolFolder(fresh())
    folder.save("thing", { n: 1 })
    expect(folder.load("thing", z.object({ n: z.number() }))).toEqual({ n: 1 })
    expect(folder.load("thing", z.object({ n: z.string() }))).toBeNull()
    writeFileSync(join(folder.path, "thing.json"), '{"n":')
    expect(folder.load("thing", z.object({ n: z.number() }))).toBeNull()
  })

  it("keeps the activity cursor over restarts", async () => {
    const path = fresh()
    const folder = openSpoolFolder(path)
    const cursor = {
      swap_epoch: "0b8f6a52-6f0c-4b62-9d0f-6d0a8f2b7c11",
      swap_entry_id: 7,
      ts: "2026-01-01T00:00:00.000Z",
      model: "m",
      duration_ms: null,
    }
    folder.save("cursor", cursor)
    folder.release()
    expect(await cursorStore(openSpoolFolder(path)).load()).toEqual(cursor)
  })
})
