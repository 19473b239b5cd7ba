import { readFileSync } from "node:fs"
import { parse } from "yaml"
import * as z from "zod/mini"
import { bad, good, notice } from "./report.ts"
import type { Finding } from "./report.ts"

/** What llama-swap does where its configuration says nothing. */
const DEFAULTS = { captureBuffer: 5, metricsMaxInMemory: 1_000 } as const
// A ring this long covers a reboot of the hub's machine at a hundred requests a minute.
const COMFORTABLE_ROWS = 1_000

const EngineConfig = z.object({
  captureBuffer: z.optional(z.number()),
  metricsMaxInMemory: z.optional(z.number()),
  store: z.optional(z.nullable(z.object({ path: z.optional(z.nullable(z.string())) }))),
})

const CAPTURES = "captureBuffer"
const ROWS = "rows kept"

/** What the settings of llama-swap put at risk. */
export function judgeEngineConfig(text: string): Finding[] {
  let content: unknown
  try {
    content = parse(text)
  } catch (error) {
    return [
      bad(
        "config",
        `llama-swap's configuration is no YAML: ${String(error)}`,
        "mend it; llama-swap itself would refuse it",
      ),
    ]
  }
  const parsed = EngineConfig.safeParse(content ?? {})
  if (!parsed.success)
    return [
      notice(
        "config",
        "llama-swap's configuration has values of an unexpected kind",
        "check captureBuffer and metricsMaxInMemory",
      ),
    ]
  return [judgeCaptures(parsed.data.captureBuffer), judgeRows(parsed.data)]
}

function judgeCaptures(given: number | undefined): Finding {
  const megabytes = given ?? DEFAULTS.captureBuffer
  const source = given === undefined ? " (llama-swap's default)" : ""
  if (megabytes <= 0)
    return notice(
      CAPTURES,
      "0: llama-swap keeps no request or response bodies, so the inspector has none to show",
      `set captureBuffer: ${DEFAULTS.captureBuffer} (MB of memory) if you want them`,
    )
  return good(
    CAPTURES,
    `${megabytes} MB${source}: the newest bodies are kept in llama-swap's memory until newer ones push them out, it restarts, or its configuration is reloaded`,
  )
}

function judgeRows({ metricsMaxInMemory, store }: z.infer<typeof EngineConfig>): Finding {
  if (store?.path)
    return good(
      ROWS,
      `in ${store.path}: rows outlive a restart of llama-swap, and metricsMaxInMemory is not used`,
    )
  const rows = metricsMaxInMemory ?? DEFAULTS.metricsMaxInMemory
  const source = metricsMaxInMemory === undefined ? " (llama-swap's default)" : ""
  const risk = `metricsMaxInMemory ${rows}${source}: while the sidecar is down, more requests than that are lost, and all of them when llama-swap restarts meanwhile`
  if (rows < COMFORTABLE_ROWS)
    return notice(
      ROWS,
      risk,
      `set metricsMaxInMemory: ${COMFORTABLE_ROWS} or more, or store.path to keep rows on disk`,
    )
  return notice(ROWS, risk, "set store.path in llama-swap's configuration to keep rows on disk")
}

/** The same from a file, or why it cannot be told. */
export function checkEngineConfig(path: string | null): Finding[] {
  const unknown = (why: string) => [
    notice(
      CAPTURES,
      `${why}, so it cannot be told what captureBuffer (default ${DEFAULTS.captureBuffer} MB) and metricsMaxInMemory (default ${DEFAULTS.metricsMaxInMemory} rows) put at risk`,
      "set LLAMA_SWAP_CONFIG to the path of llama-swap's configuration, readable by this user",
    ),
  ]
  if (path === null) return unknown("LLAMA_SWAP_CONFIG is not set")
  try {
    return judgeEngineConfig(readFileSync(path, "utf8"))
  } catch (error) {
    return unknown(`${path} cannot be read (${error instanceof Error ? error.message : "unknown"})`)
  }
}
