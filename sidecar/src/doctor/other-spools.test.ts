import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, inject, it, onTestFinished } from "vitest"
import { readConfig } from "../config.ts"
import { checkOtherSpools } from "./other-spools.ts"

const NATS = { NATS_URL: "nats://127.0.0.1:4222", BOO_HOST_ID: "new" }
const HOLD = (path: string) => `
  const { openSpoolFolder } = await import(${JSON.stringify(join(import.meta.dirname, "../spool/folder.ts"))})
  openSpoolFolder(${JSON.stringify(path)})
  process.stdout.write("held")
  process.stdin.resume()`
const freshFolder = () => mkdtempSync(join(inject("testFolder"), "doctor-"))

function leave(folder: string, host: string): void {
  mkdirSync(join(folder, "messages", host), { recursive: true })
  writeFileSync(join(folder, "messages", host, "0001.log"), "")
}

it("names host ids whose messages nobody sends, in this folder and beside it", async () => {
  const data = freshFolder()
  leave(join(data, "spool/new"), "new")
  leave(join(data, "spool/new"), "older")
  leave(join(data, "spool/old"), "old")
  mkdirSync(join(data, "spool/empty/messages/empty"), { recursive: true })
  const findings = checkOtherSpools(await readConfig({}, { ...NATS, BOO_DATA_DIR: data }))
  expect(findings.map(({ state, says }) => `${state} ${/of host (\S+)/.exec(says)?.[1]}`)).toEqual([
    "notice older",
    "notice old",
  ])
  expect(findings[1]?.advice).toContain(`BOO_HOST_ID=old BOO_SPOOL_DIR=${join(data, "spool/old")}`)
})

it("says nothing of a sidecar that runs beside this one, nor of folders that are not its business", async () => {
  const data = freshFolder()
  leave(join(data, "spool/busy"), "busy")
  const held = spawn(process.execPath, ["--input-type=module", "-e", HOLD(join(data, "spool/busy"))], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  onTestFinished(() => void held.kill("SIGKILL"))
  await once(held.stdout, "data")
  expect(checkOtherSpools(await readConfig({}, { ...NATS, BOO_DATA_DIR: data }))).toEqual([])
  const apart = { ...NATS, BOO_DATA_DIR: data, BOO_SPOOL_DIR: freshFolder() }
  expect(checkOtherSpools(await readConfig({}, apart))).toEqual([])
})
