import { chmodSync, rmSync } from "node:fs"
import { isBuiltin } from "node:module"
import { join, resolve } from "node:path"
import { build } from "esbuild"
import type { Plugin } from "esbuild"

const HERE = import.meta.dirname
const SOURCE = join(HERE, "src")
const DIST = join(HERE, "dist")

/** Files of their own, so that the resident program does not hold what it hardly ever needs. */
const ENTRIES: Record<string, string> = {
  sidecar: join(SOURCE, "main.ts"),
  doctor: join(SOURCE, "doctor/index.ts"),
  enroll: join(SOURCE, "enroll/index.ts"),
  facts: join(SOURCE, "telemetry/facts/main.ts"),
  service: join(SOURCE, "service/index.ts"),
  "settings-file": join(SOURCE, "settings-file.ts"),
}

/** A lazy import of another entry stays an import of that entry's file. */
const entriesStayApart: Plugin = {
  name: "entries-stay-apart",
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      if (kind !== "dynamic-import") return undefined
      const target = resolve(resolveDir, path)
      const name = Object.keys(ENTRIES).find((entry) => ENTRIES[entry] === target)
      if (name === undefined) throw new Error(`${path} is imported lazily but is no entry of the build`)
      return { path: `./${name}.mjs`, external: true }
    })
  },
}

/**
 * An import of one of Node's own modules makes a namespace of all it exports, and so runs every lazy part of it:
 * for node:http that is a whole fetch client, 10 MB that stay resident. Asked for as an object, they stay lazy.
 */
/** Needed by a TLS connection alone, and 4 MB: loaded at their first use. Works for those that use them as objects. */
const AT_FIRST_USE = new Set(["tls", "https"])

const builtinsStayLazy: Plugin = {
  name: "builtins-stay-lazy",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path }) =>
      isBuiltin(path) ? { path: path.replace(/^node:/, ""), namespace: "builtin" } : undefined,
    )
    onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => {
      const load = `process.getBuiltinModule(${JSON.stringify(path)})`
      const lazy = `new Proxy({},{get:(_,name)=>${load}[name]})`
      return { contents: `module.exports=${AT_FIRST_USE.has(path) ? lazy : load}` }
    })
  },
}

/** Bundles the sidecar: one file to run, and one each for what it loads or starts on demand. */
export async function buildSidecar(outDir = DIST): Promise<string> {
  rmSync(outDir, { recursive: true, force: true })
  await build({
    entryPoints: ENTRIES,
    outdir: outDir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    minify: true,
    platform: "node",
    target: "node24",
    format: "esm",
    legalComments: "none",
    logLevel: "warning",
    plugins: [entriesStayApart, builtinsStayLazy],
  })
  const program = join(outDir, "sidecar.mjs")
  chmodSync(program, 0o755)
  return program
}

if (import.meta.main) console.log(await buildSidecar())
