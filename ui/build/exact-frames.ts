import { join } from "node:path"
import type { Plugin } from "vite"

const LOOKS_MODULE = join(import.meta.dirname, "../src/platform/exact-frames.ts")
const FLEET_SYNC = /shared\/src\/fleet-sync\.ts$/
const SHARED = /shared\/src\/[\w-]+\.ts(\?plain)?$/
const COCKPIT = join(import.meta.dirname, "../src/")
// What needs no schema comes from a copy of its module, so that the module's schemas can stay out of the start.
export const PLAIN = "?plain"
const PLAIN_IMPORT =
  /(import \{ (?:epochMsOf|DEFAULT_TOPICS|LOG_TAIL_LINES) \} from "@boocontrol\/shared\/(?:time|frames|logs))"/g

/**
 * Frames are looked at by code that is written from their schemas. The hub's content security policy forbids to write
 * it in the page, so the build does it: what the page starts with then holds neither the schemas nor their library,
 * which come later, for frames that are not exactly as their schema says.
 */
export function exactFrames(): Plugin {
  return {
    name: "boocontrol:exact-frames",
    apply: "build",
    enforce: "pre",
    async resolveId(source, importer) {
      // All it takes from there is isFullHost; a patch that passed as a frame holds no key that nobody knows.
      if (source === "./frames.ts" && FLEET_SYNC.test(importer ?? "")) return LOOKS_MODULE
      if (!source.endsWith(PLAIN)) return null
      const found = await this.resolve(source.slice(0, -PLAIN.length), importer)
      return found ? `${found.id}${PLAIN}` : null
    },
    load(id) {
      return id === LOOKS_MODULE ? writtenLooks() : null
    },
    transform(code, id) {
      // Making a schema does nothing else, so one that is not used is left out.
      if (SHARED.test(id))
        return { code: code.replace(/\bz(?=\s*\.\w+\()/g, "/* @__PURE__ */ z"), moduleSideEffects: false }
      return id.startsWith(COCKPIT) ? code.replace(PLAIN_IMPORT, `$1${PLAIN}"`) : null
    },
  }
}

interface Written {
  readonly source: string
  readonly constants: readonly unknown[]
}

async function writtenLooks(): Promise<string> {
  const real = globalThis.Function
  const { EXACT_SCHEMA } = await import("../src/platform/exact-frames.ts")
  const { exactly } = await import("@boocontrol/shared/exact")
  const kept: Written[] = []
  // exactly() hands its code to this constructor; here it is only taken down.
  globalThis.Function = takingDown(real, kept)
  try {
    exactly(EXACT_SCHEMA)
  } finally {
    globalThis.Function = real
  }
  const [written] = kept
  if (!written) throw new Error("no code was written from the schemas of the frames")
  return `const looks = ((c) => { ${written.source} })([${written.constants.map(constant).join(", ")}])
export function isExactly(kind, value) { return value !== undefined && looks({ [kind]: value }) }
export function isFullHost(patch) { return isExactly("host", patch) }`
}

function takingDown(real: FunctionConstructor, kept: Written[]): FunctionConstructor {
  return new Proxy(real, {
    construct(_target, given: readonly unknown[]) {
      return (constants: readonly unknown[]) => {
        kept.push({ source: String(given[1]), constants })
        return () => false
      }
    },
  })
}

/** Patterns are used by the code; schemas stand among the constants only to be told apart. */
function constant(value: unknown): string {
  return value instanceof RegExp ? String(value) : "null"
}
