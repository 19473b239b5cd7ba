import { spawnSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { beforeEach, describe, expect, inject, it } from "vitest"

const LOCAL = fileURLToPath(new URL("../../local", import.meta.url))
let repository: string
let calls: string

/** A repository with our bootstrap and nothing else of ours; its npx and its builds only note that they were called. */
function makeRepository(): void {
  repository = mkdtempSync(join(inject("testFolder"), "bootstrap-"))
  calls = join(repository, "calls")
  const write = (path: string, content: string): void => {
    mkdirSync(join(repository, path, ".."), { recursive: true })
    writeFileSync(join(repository, path), content)
  }
  cpSync(join(LOCAL, "bootstrap"), join(repository, "deploy/local/bootstrap"), { recursive: true })
  cpSync(join(LOCAL, "bootstrap.mjs"), join(repository, "deploy/local/bootstrap.mjs"))
  write(
    "deploy/local/src/start.ts",
    'export const main = async (args: string[]) => (console.log("handed over", ...args), 3)',
  )
  write("package.json", '{ "type": "module" }')
  write("pnpm-lock.yaml", "one")
  write("pnpm-workspace.yaml", "packages:\n  - ui\n  - sidecar\n")
  write("shared/src/ids.ts", "")
  for (const [folder, output] of [
    ["ui", "index.html"],
    ["sidecar", "sidecar.mjs"],
  ] as const) {
    const build = `echo build ${folder} >> ${calls}; mkdir -p dist; echo > dist/${output}`
    write(`${folder}/package.json`, JSON.stringify({ scripts: { build } }))
    write(`${folder}/src/main.ts`, "")
  }
  write(
    "bin/npx",
    `#!/bin/sh\necho npx "$@" >> ${calls}\nmkdir -p node_modules; echo > node_modules/.modules.yaml\n`,
  )
  chmodSync(join(repository, "bin/npx"), 0o755)
}

function boot(...args: string[]): { output: string; status: number | null; called: string[] } {
  rmSync(calls, { force: true })
  const { BOO_STARTED_AT: _, ...env } = process.env
  const result = spawnSync(process.execPath, [join(repository, "deploy/local/bootstrap.mjs"), ...args], {
    encoding: "utf8",
    env: { ...env, PATH: `${join(repository, "bin")}${delimiter}${process.env.PATH ?? ""}` },
  })
  const called = existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n").sort() : []
  return { output: result.stdout + result.stderr, status: result.status, called }
}

beforeEach(makeRepository)

describe("the bootstrap", () => {
  it("installs and builds once, and hands over with its arguments and exit code", () => {
    const first = boot("start", "--demo=2")
    expect(first.called).toEqual([
      "build sidecar",
      "build ui",
      "npx --yes pnpm@12.21.0 install --frozen-lockfile --prefer-offline",
    ])
    expect(first.output).toMatch(/handed over --demo=2/)
    expect(first.status).toBe(3)
    const second = boot("start")
    expect(second.called).toEqual([])
    expect(second.output).toBe("handed over\n")
  })

  it.each([
    ["ui/src/main.ts", ["build ui"]],
    ["sidecar/src/main.ts", ["build sidecar"]],
    ["shared/src/ids.ts", ["build sidecar", "build ui"]],
    ["sidecar/src/core.test.ts", []],
    ["hub/src/main.ts", []],
  ])("after a change of %s does %j", (path, expected) => {
    boot("start")
    mkdirSync(join(repository, path, ".."), { recursive: true })
    appendFileSync(join(repository, path), "// changed")
    expect(boot("start").called).toEqual(expected)
  })

  it.each(["pnpm-lock.yaml", "ui/package.json"])("installs again after a change of %s", (path) => {
    boot("start")
    appendFileSync(join(repository, path), "\n")
    expect(boot("start").called.filter((call) => call.startsWith("npx"))).toHaveLength(1)
  })

  it("makes again what was deleted", () => {
    boot("start")
    rmSync(join(repository, "node_modules"), { recursive: true })
    rmSync(join(repository, "ui/dist"), { recursive: true })
    expect(boot("start").called.map((call) => call.split(" ").slice(0, 2).join(" "))).toEqual([
      "build ui",
      "npx --yes",
    ])
  })

  it("names the log and its last lines when a step fails, and tries again the next time", () => {
    const npx = join(repository, "bin/npx")
    const works = readFileSync(npx, "utf8")
    writeFileSync(npx, "#!/bin/sh\necho getaddrinfo ENOTFOUND registry; exit 4\n")
    const failed = boot("start")
    expect(failed.status).toBe(1)
    expect(failed.output).toMatch(/installing the dependencies failed \(exit code 4\)/)
    expect(failed.output).toMatch(/registry could not be reached[^]*install\.log:\n {2}getaddrinfo ENOTFOUND/)
    expect(failed.output).not.toContain("handed over")
    expect(boot("test").output).toMatch(/\n0 passed, 1 failed, 0 skipped\n/)
    writeFileSync(npx, works)
    expect(boot("start").status).toBe(3)
  })

  it("passes over the lock of a set-up that was killed", () => {
    mkdirSync(join(repository, ".runtime"))
    writeFileSync(join(repository, ".runtime/setup.lock"), String(2 ** 22 + 1))
    expect(boot("start").status).toBe(3)
  })

  it("refuses a command it does not know", () => {
    const refused = boot("stat")
    expect(refused.status).toBe(2)
    expect(refused.output).toContain('takes one of start, test, dev, not "stat"')
  })
})
