import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { ConfigError, dataDirOf, envExample, readConfig, settingNames } from "./config.ts"
import type { ConfigSources } from "./config.ts"

const NEEDED = { DATABASE_URL: "postgres://127.0.0.1/boo", NATS_URL: "nats://127.0.0.1:4222" }

function configOf(env: Record<string, string>, sources: ConfigSources = {}) {
  return readConfig({ ...sources, env: { ...NEEDED, ...env } })
}

function problemsOf(env: Record<string, string>, sources: ConfigSources = {}): readonly string[] {
  try {
    readConfig({ ...sources, env })
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

function fileOf(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), "config-")), "settings")
  writeFileSync(file, text)
  return file
}

it("has the defaults of the manual", () => {
  expect(configOf({})).toMatchObject({
    listen: { host: "127.0.0.1", port: 9503 },
    basePath: "/",
    waitForTables: [],
    waitTimeoutMs: 30_000,
    nats: { credsFile: null },
    capture: {
      policy: { everywhere: "errors", bySource: {} },
      maxBytes: 256 * 1024,
      budgetBytes: 50 * 1024 * 1024,
    },
    retain: {
      perfDays: { raw: 7, "10s": 14, "1m": 400, "5m": 400, "1h": 3650 },
      activityDays: 90,
      eventsDays: 400,
      packAfterHours: 24,
    },
    sandboxEngine: "auto",
    adminToken: null,
    trustedProxies: [],
    gatewayOrigins: [],
  })
})

it("says which command starts a Postgres and a NATS when none is given", () => {
  const problems = problemsOf({})
  expect(problems).toHaveLength(2)
  expect(problems[0]).toMatch(/^DATABASE_URL is not set: .*`npm start`/)
  expect(problems[1]).toMatch(/^NATS_URL is not set: .*`npm start`/)
})

it("reports every problem at once, with its name, the given value and what is allowed", () => {
  const problems = problemsOf({ ...NEEDED, BOO_WAIT_TIMEOUT_S: "soon", SANDBOX_ENGINE: "chroot" })
  expect(problems).toEqual([
    'BOO_WAIT_TIMEOUT_S is "soon", allowed is a whole number of seconds from 1 to 86400',
    'SANDBOX_ENGINE is "chroot", allowed is auto, docker, podman, bwrap or none',
  ])
})

it.each([
  ["BOO_LISTEN", "9503"],
  ["BOO_LISTEN", "127.0.0.1:70000"],
  ["BOO_BASE_PATH", "control"],
  ["BOO_TRUSTED_PROXY", "10.0.0.0/33"],
  ["BOO_GATEWAY_ORIGINS", "*"],
  ["BOO_GATEWAY_ORIGINS", "null"],
  ["BOO_GATEWAY_ORIGINS", "chat.example.org"],
  ["BOO_GATEWAY_ORIGINS", "https://chat.example.org/"],
  ["BOO_GATEWAY_ORIGINS", "https://chat.example.org,"],
  ["BOO_TRUSTED_PROXY", "10.0.0.0/8, proxy"],
  ["BOO_WAIT_FOR_TABLES", "users; drop table users"],
  ["CAPTURE_POLICY", "errors,playground=everything"],
  ["RETAIN_PERF_RAW_DAYS", "0"],
  ["PACK_AFTER_HOURS", "5"],
  ["RETAIN_PERF_RAW_DAYS", "-1"],
  ["CAPTURE_MAX_KB", "1.5"],
  ["DATABASE_URL", "mysql://127.0.0.1/boo"],
])("refuses %s=%s and names it", (name, value) => {
  const problems = problemsOf({ ...NEEDED, [name]: value })
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatch(new RegExp(`^${name} is `))
})

it("does not show the value of a secret", () => {
  const problems = problemsOf({ ...NEEDED, BOO_ADMIN_TOKEN: "hunter2" })
  expect(problems).toHaveLength(1)
  expect(problems[0]).not.toContain("hunter2")
})

it("refuses to listen where others can reach it without anyone signing in, and says why", () => {
  const problems = problemsOf({ ...NEEDED, BOO_LISTEN: "0.0.0.0:9503" })
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatch(/^BOO_LISTEN is "0\.0\.0\.0:9503".*BOO_ADMIN_TOKEN.*BOO_TRUSTED_PROXY/)
  expect(configOf({ BOO_LISTEN: "0.0.0.0:9503", BOO_ADMIN_TOKEN: "0123456789abcdef" }).listen.host).toBe(
    "0.0.0.0",
  )
  expect(configOf({ BOO_LISTEN: ":9503", BOO_TRUSTED_PROXY: "10.0.0.1" }).listen.host).toBe("0.0.0.0")
  expect(configOf({ BOO_LISTEN: "[::1]:9503" }).listen.host).toBe("::1")
})

it("takes the environment before the env file, that before the configuration file, that before the default", () => {
  const configFile = fileOf("RETAIN_PERF_RAW_DAYS: 1\nRETAIN_PERF_10S_DAYS: 1\nRETAIN_PERF_1M_DAYS: 1\n")
  const envFile = fileOf("RETAIN_PERF_RAW_DAYS=2\nRETAIN_PERF_10S_DAYS=2\n")
  const config = configOf({ RETAIN_PERF_RAW_DAYS: "3" }, { configFile, envFile })
  expect(config.retain.perfDays).toEqual({ raw: 3, "10s": 2, "1m": 1, "5m": 400, "1h": 3650 })
})

it("reads a list from YAML", () => {
  const configFile = fileOf("BOO_TRUSTED_PROXY:\n  - 10.0.0.0/8\n  - ::1\nBOO_BASE_PATH: /control/\n")
  const config = configOf({}, { configFile })
  expect(config.trustedProxies).toEqual(["10.0.0.0/8", "::1"])
  expect(config.basePath).toBe("/control")
})

it.each([
  ["a setting that does not exist", "RETAIN_PERF_DAYS: 7\n", /RETAIN_PERF_DAYS: no such setting/],
  ["text that is no YAML", "a: [\n", /cannot be read/],
  ["a nested value", "BOO_LISTEN: { port: 1 }\n", /NAME: value/],
])("refuses %s in the configuration file", (_what, text, message) => {
  expect(problemsOf(NEEDED, { configFile: fileOf(text) })[0]).toMatch(message)
})

it("names a configuration file that is not there", () => {
  expect(problemsOf(NEEDED, { configFile: "/nowhere/boo.yaml" })[0]).toMatch(
    /^\/nowhere\/boo\.yaml cannot be read/,
  )
})

it("reads the capture policy of single sources", () => {
  expect(configOf({ CAPTURE_POLICY: "off,playground=all" }).capture.policy).toEqual({
    everywhere: "off",
    bySource: { playground: "all" },
  })
})

it("cannot be changed after it was read", () => {
  const config = configOf({})
  expect(() => Object.assign(config.retain.perfDays, { raw: 1 })).toThrow(TypeError)
})

it.each([
  [{ platform: "linux", isRoot: true, env: {} }, "/var/lib/boocontrol"],
  [{ platform: "linux", isRoot: false, env: { HOME: "/home/sam" } }, "/home/sam/.local/share/boocontrol"],
  [
    { platform: "win32", isRoot: false, env: { LOCALAPPDATA: "C:\\Users\\sam\\AppData\\Local" } },
    "C:\\Users\\sam\\AppData\\Local\\boocontrol",
  ],
])("keeps its data by default where the platform wants it (%#)", (machine, folder) => {
  expect(dataDirOf(machine)).toBe(folder)
})

it("ships an example that names every setting and that is current", async () => {
  const example = envExample()
  for (const name of settingNames()) expect(example).toContain(`\n#${name}=`)
  await expect(example).toMatchFileSnapshot("../.env.example")
})

it("ships an example whose values are all allowed", () => {
  const env = Object.fromEntries(
    [...envExample().matchAll(/^#([A-Z_\d]+)=(.*)$/gm)].map((match) => [match[1] ?? "", match[2] ?? ""]),
  )
  expect(problemsOf(env)).toEqual([])
})
