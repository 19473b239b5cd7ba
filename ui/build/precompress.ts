import { readdir, readFile, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import type { Plugin } from "vite"

const toBrotli = promisify(brotliCompress)
const toGzip = promisify(gzip)

// index.html is left out: the hub writes its <base href> into it, so a stored copy would be another page.
const COMPRESSIBLE = /\.(js|css|svg|json)$/
// Below this the headers weigh more than what is saved.
const MIN_BYTES = 512

/** Writes a `.br` and a `.gz` beside every text asset, so that the hub never compresses while somebody waits. */
export function precompress(): Plugin {
  let outDir = "dist"
  return {
    name: "boocontrol:precompress",
    apply: "build",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir)
    },
    async closeBundle() {
      const files = await readdir(outDir, { recursive: true })
      await Promise.all(
        files.filter((file) => COMPRESSIBLE.test(file)).map((file) => compress(join(outDir, file))),
      )
    },
  }
}

async function compress(path: string): Promise<void> {
  const bytes = await readFile(path)
  if (bytes.length < MIN_BYTES) return
  const brotli = toBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })
  const [br, gz] = await Promise.all([brotli, toGzip(bytes, { level: 9 })])
  await Promise.all([writeFile(`${path}.br`, br), writeFile(`${path}.gz`, gz)])
}
