import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { ConfigError, readConfig } from "./config.ts"
import { envExample, SETTING_NAMES } from "./settings.ts"

const folder = mkdtempSync(join(tmpdir(), "boocontrol-config-"))

function fileWith(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function problemsOf(reading: Promise<unknown>): Promise<readonly string[]> {
  try {
    await reading
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe("settings of the sidecar", () => {
  it("has a working default for everything", async () => {
    const config = await readConfig({}, { BOO_HOST_ID: "gpu-1" })
    expect(config.nats).toEqual({ servers: ["nats://127.0.0.1:4222"], credsFile: null })
    expect(config.engine.url).toBe("http://127.0.0.1:8080")
    expect(config.nvidiaSmi).toBe("nvidia-smi")
    expect(config.spool.folder).toMatch(/spool.gpu-1$/)
    expect(config.spool.maxBytes).toBe(256 * 1024 * 1024)
    expect(config.simulated).toBe(false)
  })

  it("makes a host id of the host name", async () => {
    expect((await readConfig({}, {})).hostId).toMatch(/^[a-z0-9-]{1,40}$/)
  })

  it("reports all problems together, with name, value and what is allowed, and masks secrets", async () => {
    const problems = await problemsOf(
      readConfig(
        {},
        {
          BOO_HOST_ID: "Not A Slug",
          NATS_URL: "nats://user:hunter2@ok:4222,http://nope",
          LLAMA_SWAP_URL: "ftp://x",
          BOO_SPOOL_MAX_MB: "0",
          BOO_SIMULATED: "maybe",
        },
      ),
    )
    expect(problems).toHaveLength(5)
    const text = problems.join("\n")
    expect(text).toContain("BOO_HOST_ID=Not A Slug is not valid: it must be 1 to 40 characters of a-z")
    expect(text).toContain("NATS_URL=nats://***@ok:4222,http://nope is not valid")
    expect(text).not.toContain("hunter2")
    expect(text).toContain("LLAMA_SWAP_URL=ftp://x")
    expect(text).toContain("BOO_SPOOL_MAX_MB=0 is not valid: it must be a whole number from 1")
    expect(text).toContain("BOO_SIMULATED=maybe")
  })

  it("lets the environment win over the env file, and that over the YAML file", async () => {
    const files = {
      config: fileWith("a.yaml", "BOO_HOST_ID: from-yaml\nBOO_SPOOL_MAX_MB: 7\nNVIDIA_SMI: /yaml/smi\n"),
      envFile: fileWith("a.env", "BOO_SPOOL_MAX_MB=8\nNVIDIA_SMI=/env-file/smi\n"),
    }
    const config = await readConfig(files, { NVIDIA_SMI: "/env/smi", LLAMA_BENCH: "" })
    expect(config.hostId).toBe("from-yaml")
    expect(config.spool.maxBytes).toBe(8 * 1024 * 1024)
    expect(config.nvidiaSmi).toBe("/env/smi")
    expect(config.llamaBench).toBe("llama-bench")
  })

  it.each([
    ["an unknown name", "BOO_HOSTID: x\n", /BOO_HOSTID in .* is not a setting/],
    ["a nested value", "BOO_HOST_ID: { a: 1 }\n", /must be a flat mapping/],
    ["text that is no YAML", "a: [1\n", /cannot be read/],
  ])("refuses a YAML file with %s", async (name, text, problem) => {
    const config = fileWith(`${name}.yaml`, text)
    expect((await problemsOf(readConfig({ config }, { BOO_HOST_ID: "a" }))).join("\n")).toMatch(problem)
  })

  it("names files that cannot be read", async () => {
    const missing = join(folder, "missing")
    const problems = await problemsOf(readConfig({ config: missing, envFile: missing }, { BOO_HOST_ID: "a" }))
    expect(problems).toHaveLength(2)
  })
})

describe(".env.example", () => {
  it("is what the settings say: run `node sidecar/generate-env-example.ts` after changing them", () => {
    expect(readFileSync(join(import.meta.dirname, "../.env.example"), "utf8")).toBe(envExample())
  })

  it("names every setting once", () => {
    for (const name of SETTING_NAMES) expect(envExample().split(`\n#${name}=`)).toHaveLength(2)
  })
})
