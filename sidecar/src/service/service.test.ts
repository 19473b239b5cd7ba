import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, inject, it } from "vitest"
import { USUAL, UNIT, unitText } from "./unit.ts"
import { installScript, uninstallScript, USUAL_WINDOWS } from "./windows.ts"

const MAIN = join(import.meta.dirname, "../main.ts")
const DEPLOY = join(import.meta.dirname, "../../../deploy")
const folder = () => mkdtempSync(join(inject("testFolder"), "service-"))

function sidecar(args: string[], env: Record<string, string>): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env: { PATH: "/nowhere", ...env } }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out: out + err }),
    )
  })
}

/** Sections with their lines; throws at anything that systemd would not read. */
function parseUnit(text: string): Map<string, [name: string, value: string][]> {
  const sections = new Map<string, [string, string][]>()
  let lines: [string, string][] | null = null
  for (const line of text.split("\n").filter((one) => one !== "" && !one.startsWith("#"))) {
    const section = /^\[(\w+)\]$/.exec(line)?.[1]
    const [, name, value] = /^([A-Z]\w+)=(.*)$/.exec(line) ?? []
    if (section !== undefined) sections.set(section, (lines = []))
    else if (name !== undefined && value !== undefined && lines) lines.push([name, value])
    else throw new Error(`not a line of a unit: ${line}`)
  }
  return sections
}

describe("the examples in deploy/", () => {
  it.each([
    [`systemd/${UNIT}`, unitText(USUAL)],
    ["windows/install-service.ps1", installScript(USUAL_WINDOWS)],
    ["windows/uninstall-service.ps1", uninstallScript()],
  ])(
    "%s is what install writes: run `node sidecar/generate-service-examples.ts` after a change",
    (file, text) => {
      expect(readFileSync(join(DEPLOY, file), "utf8")).toBe(text)
    },
  )

  it("run the sidecar as nobody in particular, with only its spool to write to", () => {
    const unit = parseUnit(unitText(USUAL))
    expect([...unit.keys()]).toEqual(["Unit", "Service", "Install"])
    const service = new Map(unit.get("Service"))
    expect(service.size).toBe(unit.get("Service")?.length)
    expect(Object.fromEntries(service)).toMatchObject({
      ExecStart: "/usr/bin/node /opt/boocontrol/sidecar/sidecar.mjs run",
      ...{ User: "boocontrol", ProtectSystem: "strict", NoNewPrivileges: "yes", CapabilityBoundingSet: "" },
      ReadWritePaths: "-/var/lib/boocontrol/spool",
    })
    // With these a host would show no GPU, or not start.
    for (const name of ["PrivateDevices", "ProtectClock", "MemoryDenyWriteExecute"])
      expect(service.has(name)).toBe(false)
  })
})

describe("a unit", () => {
  it("takes paths with spaces, percents and dollars as they are", () => {
    const text = unitText({
      ...USUAL,
      program: "/opt/my boo/50%/$x/sidecar.mjs",
      engineConfig: "/etc/ls/config.yaml",
    })
    expect(text).toContain('ExecStart=/usr/bin/node "/opt/my boo/50%%/$$x/sidecar.mjs" run')
    expect(text).toContain("ReadWritePaths=-/var/lib/boocontrol/spool -/etc/ls\n")
  })
})

describe("a Windows script", () => {
  it("quotes what PowerShell and what the program would read otherwise", () => {
    const text = installScript({ ...USUAL_WINDOWS, program: "C:\\Ann's boo\\$x\\sidecar.mjs" })
    expect(text).toContain(`$arguments = '"C:\\Ann''s boo\\$x\\sidecar.mjs" run --env-file "C:\\ProgramData`)
    for (const line of text.split("\n")) expect((line.match(/'/g) ?? []).length % 2).toBe(0)
  })
})

describe("install", () => {
  const enrolled = () => {
    const dataDir = folder()
    writeFileSync(join(dataDir, "sidecar.env"), "BOO_HOST_ID=gpu-1\nNATS_URL=nats://boo.lan:4222\n")
    return { BOO_DATA_DIR: dataDir }
  }

  it("prints the unit and does nothing with --dry-run", async () => {
    const env = enrolled()
    const shown = await sidecar(["install", "--dry-run", "--user", "ann"], env)
    expect(shown.code).toBe(0)
    const service = new Map(parseUnit(shown.out).get("Service"))
    expect(service.get("User")).toBe("ann")
    expect(service.get("ExecStart")).toBe(`${process.execPath} ${MAIN} run`)
    expect(service.get("EnvironmentFile")).toBe(join(env.BOO_DATA_DIR, "sidecar.env"))
    expect(existsSync(join(env.BOO_DATA_DIR, "spool"))).toBe(false)
  })

  it("writes below --root and takes it away again", async () => {
    const env = enrolled()
    const root = folder()
    const file = join(root, "etc/systemd/system", UNIT)
    expect(await sidecar(["install", "--root", root], env)).toEqual({ code: 0, out: `wrote ${file}\n` })
    parseUnit(readFileSync(file, "utf8"))
    const removed = await sidecar(["uninstall", "--root", root], env)
    expect(removed).toMatchObject({ code: 0, out: expect.stringContaining(`removed ${file}\n`) })
    expect(existsSync(file)).toBe(false)
    expect(await sidecar(["uninstall", "--root", root], env)).toMatchObject({
      ...{ code: 1, out: `${file} is not there: nothing was done\n` },
    })
  })

  it("asks for an enrolment first", async () => {
    const ended = await sidecar(["install", "--dry-run"], { BOO_DATA_DIR: folder() })
    expect(ended).toMatchObject({ code: 1, out: expect.stringContaining("enrol this machine first") })
  })
})
