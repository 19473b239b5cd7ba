import { chmodSync, mkdirSync, mkdtempSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, inject, it } from "vitest"
import { closedParents, openTo, prepareDataFolder, writeSecret } from "./data-folder.ts"

const stranger = { uid: 54_321, gid: 54_321 }

function nested(modes: Record<string, number>): string {
  const top = mkdtempSync(join(inject("testFolder"), "folder-"))
  chmodSync(top, 0o755)
  // The folder of the run itself is private to the user who runs the tests.
  chmodSync(inject("testFolder"), 0o711)
  let path = top
  for (const [name, mode] of Object.entries(modes)) {
    path = join(path, name)
    mkdirSync(path)
    chmodSync(path, mode)
  }
  return path
}

describe("the data folder", () => {
  it("names every parent that the Postgres user cannot pass", () => {
    const path = nested({ open: 0o755, shut: 0o700, inner: 0o750 })
    expect(closedParents(path, stranger).map((one) => one.slice(-5))).toEqual(["/shut", "inner"])
  })

  it("is opened itself, but a closed parent is refused and stays closed", () => {
    const own = nested({ data: 0o700 })
    openTo(own, stranger, "postgres")
    expect(statSync(own).mode & 0o777).toBe(0o711)
    const shut = nested({ home: 0o700, data: 0o755 })
    expect(() => openTo(shut, stranger, "postgres")).toThrow(
      /user postgres, who cannot pass through .*\/home\./,
    )
    expect(statSync(join(shut, "..")).mode & 0o777).toBe(0o700)
  })

  it("says what is wrong when it cannot be made", () => {
    const file = join(nested({}), "file")
    writeFileSync(file, "")
    expect(() => prepareDataFolder(join(file, "data"))).toThrow(
      /cannot be used: a part of the path is a file/,
    )
  })

  it("tightens a secret that an earlier version left readable", () => {
    const file = join(nested({}), "secret")
    writeFileSync(file, "old", { mode: 0o644 })
    writeSecret(file, "new")
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })
})
