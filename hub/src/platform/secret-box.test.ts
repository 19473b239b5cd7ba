import { mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, inject, it } from "vitest"
import { createSecretBox } from "./secret-box.ts"

const folder = () => mkdtempSync(join(inject("testFolder"), "box-"))

it("opens what it sealed, also in another process, and makes each sealing another", () => {
  const dir = folder()
  const box = createSecretBox(dir)
  const [one, two] = [box.seal("käse", "host:a"), box.seal("käse", "host:a")]
  expect(one.equals(two)).toBe(false)
  expect(one.includes("käse")).toBe(false)
  expect(createSecretBox(dir).open(one, "host:a")).toBe("käse")
  expect(statSync(join(dir, "keys/secrets.key")).mode & 0o777).toBe(0o600)
})

it("opens nothing that was moved, changed, cut or sealed elsewhere", () => {
  const box = createSecretBox(folder())
  const sealed = box.seal("secret", "host:a")
  expect(box.open(sealed, "host:b")).toBeNull()
  expect(createSecretBox(folder()).open(sealed, "host:a")).toBeNull()
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    expect(box.open(changed, "host:a")).toBeNull()
    expect(box.open(sealed.subarray(0, at), "host:a")).toBeNull()
  }
})

it("does not go on with a key file that is none", () => {
  const dir = folder()
  createSecretBox(dir).seal("x", "y")
  const path = join(dir, "keys/secrets.key")
  writeFileSync(path, readFileSync(path, "utf8").slice(4))
  expect(() => createSecretBox(dir).seal("x", "y")).toThrow("is not a key")
})
