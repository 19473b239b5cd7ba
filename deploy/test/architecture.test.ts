import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, posix, relative } from "node:path"
import { describe, expect, it } from "vitest"

const ROOT = join(import.meta.dirname, "../..")

interface Source {
  path: string
  text: string
  lines: number
  imports: string[]
}

const sources = listSources()
const production = sources.filter(({ path }) => !/\.test\.ts$|\/(test|e2e|perf|dev)\//.test(path))

function listSources(): Source[] {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.ts", "*.vue", "*.mjs"], {
    cwd: ROOT,
    encoding: "utf8",
  })
  return listed
    .split("\n")
    .filter((path) => path !== "" && !/(^|\/)(dist|generated|fixtures)\//.test(path))
    .filter((path) => existsSync(join(ROOT, path)))
    .map((path) => {
      const text = readFileSync(join(ROOT, path), "utf8")
      return { path, text, lines: text.split("\n").length, imports: importsOf(path, text) }
    })
}

/** Every module a file names in an import or export, relative ones resolved to a path from the root. */
function importsOf(path: string, text: string): string[] {
  const named = [...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^"';]*?from\s+"([^"]+)"/g)]
  const lazy = [
    ...text.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g),
    ...text.matchAll(/(?:^|\n)import\s+"([^"]+)"/g),
  ]
  return [...named, ...lazy].flatMap(([, target]) => {
    if (!target) return []
    if (target.startsWith("@boocontrol/shared/")) return [`shared/src/${target.slice(19)}.ts`]
    return target.startsWith(".") ? [posix.normalize(posix.join(dirname(path), target))] : [target]
  })
}

function capabilityOf(path: string): string | null {
  return /^(?:hub|sidecar|ui)\/src\/([^/]+)\//.exec(path)?.[1] ?? null
}

function offenders(check: (source: Source, target: string) => boolean): string[] {
  return production.flatMap((source) =>
    source.imports
      .filter((target) => check(source, target))
      .map((target) => `${source.path} imports ${target}`),
  )
}

function spelling(pattern: RegExp, allowed: RegExp): string[] {
  return production
    .filter(({ path, text }) => pattern.test(text) && !allowed.test(path))
    .map(({ path }) => path)
}

describe("the import graph", () => {
  it("sees the sources", () => {
    expect(production.length).toBeGreaterThan(20)
    expect(sources.find(({ path }) => path === "shared/src/envelope.ts")?.imports).toContain(
      "shared/src/activity.ts",
    )
  })

  it("keeps shared/ free of everything but zod", () => {
    const wrong = offenders(
      ({ path }, target) =>
        path.startsWith("shared/src/") && !target.startsWith("shared/src/") && !target.startsWith("zod"),
    )
    expect(wrong).toEqual([])
  })

  it("never lets hub, sidecar and ui know one another, nor any of them the simulators", () => {
    const wrong = offenders(({ path }, target) => {
      const home = /^(hub|sidecar|ui)\//.exec(path)?.[1]
      if (!home) return false
      const others = ["hub", "sidecar", "ui", "deploy"].filter((place) => place !== home)
      return others.some((place) => target.startsWith(`${place}/`)) || /^@boocontrol\/(?!shared)/.test(target)
    })
    expect(wrong).toEqual([])
  })

  it("lets no capability of the hub import another: app.ts connects them through ports", () => {
    const wrong = offenders(({ path }, target) => {
      const from = path.startsWith("hub/src/") ? capabilityOf(path) : null
      const to = target.startsWith("hub/src/") ? capabilityOf(target) : null
      return from !== null && from !== "cli" && to !== null && to !== "platform" && from !== to
    })
    expect(wrong).toEqual([])
  })

  it("keeps llama-swap's shapes inside the connector: only app.ts and doctor reach into it", () => {
    const wrong = offenders(
      ({ path }, target) =>
        path.startsWith("sidecar/src/") &&
        target.startsWith("sidecar/src/llama-swap/") &&
        !/^sidecar\/src\/(llama-swap\/|app\.ts|doctor)/.test(path),
    )
    expect(wrong).toEqual([])
  })

  // node:net is allowed for BlockList and isIP, which compute and open nothing.
  it("keeps cores pure: no Node, no platform, no store, no run, no routes", () => {
    const wrong = offenders(
      ({ path }, target) =>
        /\/core(\.ts$|\/)/.test(path) &&
        /^node:(?!net$)|\/platform\/|\/(store|run|routes)\.ts$|^postgres$|^@nats-io/.test(target),
    )
    expect(wrong).toEqual([])
  })

  it("keeps the cockpit's kit free of capabilities", () => {
    const wrong = offenders(
      ({ path }, target) =>
        path.startsWith("ui/src/kit/") &&
        target.startsWith("ui/src/") &&
        !/^ui\/src\/(kit|platform)\//.test(target),
    )
    expect(wrong).toEqual([])
  })
})

describe("what has one home", () => {
  it("spells a NATS subject only in shared/src/subjects.ts", () => {
    expect(spelling(/["'`]boo\.v1\./, /^shared\/src\/subjects\.ts$|^deploy\/(local|demo)\//)).toEqual([])
  })

  it("reads the environment only in config.ts (and in the launcher, which comes before any configuration)", () => {
    expect(spelling(/process\.env\b/, /\/config\.ts$|^deploy\/|vite\.config|^ui\/dev\//)).toEqual([])
  })

  it("knows the time only in platform/clock.ts", () => {
    const wall = spelling(/Date\.now\(|new Date\(\)|performance\.now\(/, /\/platform\/|^deploy\/|^ui\/dev\//)
    expect(wall).toEqual([])
  })

  it("keeps clock, randomness and awaiting out of cores", () => {
    const cores = production.filter(({ path }) => /\/core(\.ts$|\/)/.test(path))
    const impure = cores.filter(({ text }) => /Date\.now|new Date\(\)|Math\.random|\bawait\b/.test(text))
    expect(impure.map(({ path }) => path)).toEqual([])
  })
})

describe("the one door to a host", () => {
  const hub = production.filter(({ path }) => path.startsWith("hub/src/"))

  // Routing counts what is in flight to choose a host, and health to show it; neither decides who may write there.
  it("is not passed by: nobody but leases asks whether a host is busy before it writes there", () => {
    const asking = hub.filter(
      ({ path, text }) =>
        /\binflight_total\b|\binflightOn\b/.test(text) &&
        !/^hub\/src\/(app\.ts|fleet\/|leases\/|gateway\/|routing\/|health\/)/.test(path),
    )
    expect(asking.map(({ path }) => path)).toEqual([])
  })

  it("is taken by everything that has a host change: a capability that sends such a command acquires access", () => {
    const WRITES =
      /\.(?:send|run)\(\s*[\w.]+,\s*"(?:warm|unload|unload_all|profile|config\.write|config\.rollback|restart|llama_bench)"/
    const writers = hub.filter(({ path, text }) => WRITES.test(text) && capabilityOf(path) !== "actions")
    const passing = writers.filter(
      ({ path }) =>
        !hub.some(
          (other) =>
            capabilityOf(other.path) === capabilityOf(path) && /\bacquireHostAccess\b/.test(other.text),
        ),
    )
    expect(passing.map(({ path }) => path)).toEqual([])
  })

  it("opens in one place: only leases writes to the tables of leases", () => {
    const writing = hub.filter(
      ({ path, text }) =>
        /\bboo_lease_|\bcontrol_host_leases\b/.test(text) && !path.startsWith("hub/src/leases/"),
    )
    expect(writing.map(({ path }) => path)).toEqual([])
  })
})

describe("the size budget", () => {
  const sizes = production.map(({ lines }) => lines).toSorted((a, b) => a - b)
  const at = (share: number) => sizes[Math.floor(sizes.length * share)] ?? 0

  it("has no file over 500 lines", () => {
    expect(sources.filter(({ lines }) => lines > 500).map(({ path, lines }) => `${path}: ${lines}`)).toEqual(
      [],
    )
  })

  it("keeps the median within 120 lines and nine of ten within 300", () => {
    expect(at(0.5)).toBeLessThanOrEqual(120)
    expect(at(0.9)).toBeLessThanOrEqual(300)
  })
})

describe("the top level", () => {
  it("holds what the layout names and nothing else", () => {
    const listed = execFileSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8" })
    const folders = new Set(
      listed.split("\n").flatMap((path) => (path.includes("/") ? [path.split("/")[0]] : [])),
    )
    folders.delete(".ci")
    folders.delete(".github")
    for (const folder of folders)
      expect(["hub", "sidecar", "ui", "shared", "deploy", "suites", "docs"]).toContain(folder)
  })

  it("has no lock file with download addresses", () => {
    expect(readFileSync(join(ROOT, "pnpm-lock.yaml"), "utf8")).not.toMatch(/tarball:|https?:\/\//)
  })

  it("names no path of a machine", () => {
    const named = sources.filter(
      ({ path, text }) =>
        path !== relative(ROOT, import.meta.filename) && /\/(work|opt)\/(main|shared|real)/.test(text),
    )
    expect(named.map(({ path }) => path)).toEqual([])
  })
})
