import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build } from "vite"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bundleSizes } from "../build/sizes.ts"
import type { BundleSizes } from "../build/sizes.ts"

const UI = join(import.meta.dirname, "..")
const BUILT = join(UI, "dist")
const ENTRY_LIMIT_BYTES = 75 * 1024

describe("the built cockpit", () => {
  let sizes: BundleSizes
  let made: string | null = null

  beforeAll(async () => {
    if (!existsSync(join(BUILT, "index.html"))) {
      made = await mkdtemp(join(tmpdir(), "boocontrol-ui-"))
      await build({ root: UI, logLevel: "silent", build: { outDir: made, emptyOutDir: true } })
    }
    sizes = await bundleSizes(made ?? BUILT)
  }, 120_000)
  afterAll(async () => {
    if (made !== null) await rm(made, { recursive: true, force: true })
  })

  it("starts from at most 75 KB, gzipped, without fonts", () => {
    // The page holds its style and its first script; it names one more.
    expect(sizes.entry.map(({ name }) => name.replace(/-[\w-]{8}\./, "."))).toEqual([
      "index.html",
      "assets/index.js",
    ])
    expect(sizes.entryGzipBytes).toBeLessThanOrEqual(ENTRY_LIMIT_BYTES)
  })

  it("can be painted from the page alone: all it names is fetched beside that", async () => {
    const html = await readFile(join(made ?? BUILT, "index.html"), "utf8")
    expect([...html.matchAll(/<link rel="(\w+)"/g)].map(([, rel]) => rel)).toEqual(["icon", "modulepreload"])
    expect(html.match(/<script[^>]*>/g)).toEqual(["<script>"])
    expect(html).toContain("booEarlySocket")
    expect(html).toContain("<style>")
    expect(html).not.toContain("@font-face")
  })

  it("starts without the schemas and their library", async () => {
    const scripts = [...sizes.entry, ...sizes.lazy].filter(({ name }) => name.endsWith(".js"))
    const holding: string[] = []
    for (const { name } of scripts) {
      if ((await readFile(join(made ?? BUILT, name), "utf8")).includes("ZodMini")) holding.push(name)
    }
    expect(holding).toHaveLength(1)
    expect(sizes.entry.map(({ name }) => name)).not.toContain(holding[0])
  })

  it("keeps all chart code in one chunk that the start does not load", () => {
    const charts = sizes.lazy.filter(({ name }) => /ThemedChart.*\.js$/.test(name))
    expect(charts).toHaveLength(1)
    expect(charts[0]?.bytes).toBeGreaterThan(200_000)
    const others = [...sizes.entry, ...sizes.lazy].filter(({ name }) => name !== charts[0]?.name)
    expect(Math.max(...others.map(({ bytes }) => bytes))).toBeLessThan(200_000)
  })

  it("serves two fonts of its own, Latin only", () => {
    expect(sizes.fonts.map(({ name }) => name.replace(/-[\w-]{8}\.woff2$/, "")).sort()).toEqual([
      "assets/inter-latin-wght-normal",
      "assets/orbitron-latin-wght-normal",
    ])
  })
})
