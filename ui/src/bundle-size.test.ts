import { existsSync } from "node:fs"
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises"
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
    expect([...html.matchAll(/<link rel="(\w+)"/g)].map(([, rel]) => rel)).toEqual([
      "icon",
      "manifest",
      "modulepreload",
    ])
    expect(html.match(/<script[^>]*>/g)).toEqual(["<script>"])
    expect(html).toContain("booEarlySocket")
    expect(html).toContain("<style>")
    expect(html).not.toContain("@font-face")
  })

  it("waits for nothing that is not there", async () => {
    const folder = join(made ?? BUILT, "assets")
    const there = new Set(await readdir(folder))
    for (const name of [...there].filter((one) => one.endsWith(".js"))) {
      const text = await readFile(join(folder, name), "utf8")
      for (const [, wanted = ""] of text.matchAll(/"\.\/([\w-]+\.(?:js|css))"/g))
        expect(there).toContain(wanted)
    }
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

  it("keeps all chart code in one chunk that the start does not load", async () => {
    const charts = sizes.lazy.filter(({ name }) => /ThemedChart.*\.js$/.test(name))
    expect(charts).toHaveLength(1)
    expect(charts[0]?.bytes).toBeGreaterThan(200_000)
    // Names that the chart library keeps when it is made small: its model, its painter, its way to the renderer.
    const scripts = [...sizes.entry, ...sizes.lazy].filter(({ name }) => name.endsWith(".js"))
    for (const mark of ["ecModel", "painter", "getZr"]) {
      const texts = await Promise.all(scripts.map(({ name }) => readFile(join(made ?? BUILT, name), "utf8")))
      const holding = scripts.filter((_, index) => texts[index]?.includes(mark))
      expect(holding.map(({ name }) => name)).toEqual([charts[0]?.name])
    }
  })

  it("serves two fonts of its own, Latin only", () => {
    expect(sizes.fonts.map(({ name }) => name.replace(/-[\w-]{8}\.woff2$/, "")).sort()).toEqual([
      "assets/inter-latin-wght-normal",
      "assets/orbitron-latin-wght-normal",
    ])
  })
})
