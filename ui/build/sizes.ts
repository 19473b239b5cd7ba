import { readFile, readdir } from "node:fs/promises"
import { join } from "node:path"
import { gzipSync } from "node:zlib"

export interface FileSize {
  readonly name: string
  readonly bytes: number
  /** As `gzip -9` makes it. */
  readonly gzipBytes: number
}

export interface BundleSizes {
  /** index.html and every script and style it references, also by preloading. Fonts are not counted. */
  readonly entry: readonly FileSize[]
  readonly entryGzipBytes: number
  /** Every other script and style: it comes when a page or a chart needs it. */
  readonly lazy: readonly FileSize[]
  readonly fonts: readonly FileSize[]
}

export async function bundleSizes(dist: string): Promise<BundleSizes> {
  const html = await readFile(join(dist, "index.html"), "utf8")
  const referenced = [...html.matchAll(/(?:src|href)="\.\/([^"]+\.(?:js|css))"/g)].flatMap(
    ([, name]) => name ?? [],
  )
  const assets = (await readdir(join(dist, "assets"))).map((name) => `assets/${name}`)
  const entry = await Promise.all(["index.html", ...referenced].map((name) => sizeOf(dist, name)))
  const rest = assets.filter((name) => /\.(js|css)$/.test(name) && !referenced.includes(name))
  const lazy = await Promise.all(rest.map((name) => sizeOf(dist, name)))
  const fonts = await Promise.all(
    assets.filter((name) => name.endsWith(".woff2")).map((name) => sizeOf(dist, name)),
  )
  return {
    entry,
    entryGzipBytes: entry.reduce((sum, file) => sum + file.gzipBytes, 0),
    lazy: lazy.toSorted((a, b) => b.gzipBytes - a.gzipBytes),
    fonts,
  }
}

async function sizeOf(dist: string, name: string): Promise<FileSize> {
  const bytes = await readFile(join(dist, name))
  return { name, bytes: bytes.length, gzipBytes: gzipSync(bytes, { level: 9 }).length }
}
