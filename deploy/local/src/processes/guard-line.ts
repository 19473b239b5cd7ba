import * as z from "zod/mini"
import type { Endable } from "./ending.ts"

export const EndableRecord = z.object({
  pid: z.int(),
  startedAt: z.nullable(z.string()),
  name: z.string(),
  stage: z.int(),
  signal: z.enum(["SIGTERM", "SIGINT"]),
  killAfterMs: z.int(),
})

const GuardLine = z.union([z.object({ watch: EndableRecord }), z.object({ forget: z.int() })])

export function parseGuardLine(text: string): { watch: Endable } | { forget: number } | null {
  try {
    return GuardLine.parse(JSON.parse(text))
  } catch {
    return null
  }
}
