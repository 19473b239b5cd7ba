import type { Plugin } from "vite"
import { PLAIN } from "./exact-frames.ts"

/**
 * What the first page needs is one script: each further one costs a slow machine a request and its handling. What only
 * later pages need stays out of it.
 */
export function startChunk(): { readonly plugin: Plugin; readonly isOfStart: (id: string) => boolean } {
  const start = new Set<string>()
  return {
    isOfStart: (id) => start.has(id),
    plugin: {
      name: "boocontrol:start-chunk",
      apply: "build",
      buildEnd() {
        const entries = [...this.getModuleIds()].filter((id) => this.getModuleInfo(id)?.isEntry)
        const waiting = [...entries]
        for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
          if (start.has(id)) continue
          start.add(id)
          // Its imports are for the schemas that were left out of it.
          if (id.endsWith(PLAIN)) continue
          waiting.push(...(this.getModuleInfo(id)?.importedIds ?? []))
        }
      },
    },
  }
}
