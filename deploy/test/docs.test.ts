import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"

const ROOT = join(import.meta.dirname, "../..")
const pages = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.md"], {
  cwd: ROOT,
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => path !== "" && existsSync(join(ROOT, path)))
const read = (path: string) => readFileSync(join(ROOT, path), "utf8")

describe("the documentation", () => {
  it.each(pages)("%s links only to what exists", (page) => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target)
    const local = links
      .filter((target) => !/^(https?:|#|mailto:)/.test(target))
      .map((target) => target.split("#")[0] ?? "")
    expect(local.filter((target) => !existsSync(join(ROOT, dirname(page), target)))).toEqual([])
  })

  it("names only commands that package.json has", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> }
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/`(?:npm run|pnpm) ([a-z:]+)`/g)].map(([, name]) => name),
    )
    const builtIn = new Set(["install"])
    expect([...new Set(named)].filter((name) => name && !builtIn.has(name) && !scripts[name])).toEqual([])
  })

  it("says of the two commands what package.json does", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> }
    expect(scripts.start).toMatch(/^exec node /)
    expect(scripts.test).toMatch(/^exec node /)
    expect(read("README.md")).toContain("npm start")
  })
})
