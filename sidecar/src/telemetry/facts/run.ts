import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { runProgram } from "../../platform/child.ts"
import type { Clock } from "../../platform/clock.ts"
import { entryFile } from "../../platform/entry.ts"
import { findProgram } from "../../platform/find-program.ts"
import { FACTS_TIMEOUT_MS, FactsReply } from "./reply.ts"

/** Asks a short-lived process for slow facts. Never rejects. */
export interface Facts {
  ask(what: "machine" | "gpus"): Promise<FactsReply>
}

export interface FactsOptions {
  nvidiaSmi: string
  clock: Clock
  /** Where a small file of ours may lie. */
  folder: string
  /** Ends a question that is under way. */
  signal?: AbortSignal
  environment(changes: Readonly<Record<string, string>>): NodeJS.ProcessEnv
}

export function facts({ nvidiaSmi, clock, folder, signal, environment }: FactsOptions): Facts {
  const path = environment({})["PATH"] ?? ""
  let searchPath: string | null = null

  return {
    async ask(what) {
      const program = findProgram(nvidiaSmi, path)
      if (what === "gpus" && program === null) return { kind: "failed", reason: `${nvidiaSmi} is not there` }
      try {
        if (program !== null) searchPath ??= [wrap(program, join(folder, "bin")), path].join(delimiter)
        const output = await runProgram([process.execPath, entryFile("facts"), what], {
          clock,
          timeoutMs: FACTS_TIMEOUT_MS + 1_000,
          group: true,
          ...(signal ? { signal } : {}),
          env: environment({ PATH: searchPath ?? path, NODE_COMPILE_CACHE: join(folder, "cache") }),
        })
        if (output.timedOut)
          return { kind: "failed", reason: `no answer within ${FACTS_TIMEOUT_MS / 1_000} s` }
        const reply = FactsReply.safeParse(JSON.parse(output.stdout))
        return reply.data ?? { kind: "failed", reason: "an answer that makes no sense" }
      } catch (error) {
        return { kind: "failed", reason: String(error).slice(0, 300) }
      }
    },
  }
}

/**
 * node-nvidia-smi takes `nvidia-smi` from PATH and counts any text on stderr as failure. A folder with a small
 * program of that name, first on PATH, makes it use the configured one and leaves its warnings out.
 */
function wrap(program: string, folder: string): string {
  mkdirSync(folder, { recursive: true })
  if (process.platform === "win32")
    writeFileSync(join(folder, "nvidia-smi.cmd"), `@call "${program}" %* 2>nul\r\n`)
  else {
    const file = join(folder, "nvidia-smi")
    writeFileSync(file, `#!/bin/sh\nexec '${program.replaceAll("'", `'\\''`)}' "$@" 2>/dev/null\n`)
    chmodSync(file, 0o755)
  }
  return folder
}
