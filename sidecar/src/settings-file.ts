import { readFileSync } from "node:fs"
import { parse } from "yaml"
import * as z from "zod/mini"

const SettingsFile = z.nullable(
  z.record(z.string(), z.nullable(z.union([z.string(), z.number(), z.boolean()]))),
)

export interface SettingsRead {
  values: Record<string, string>
  problems: string[]
}

/** Reads a YAML file of settings: a flat mapping of setting names to values. */
export function readSettingsFile(path: string): SettingsRead {
  let content: unknown
  try {
    content = parse(readFileSync(path, "utf8"))
  } catch (error) {
    return { values: {}, problems: [`--config ${path} cannot be read: ${String(error)}`] }
  }
  const parsed = SettingsFile.safeParse(content)
  if (!parsed.success)
    return { values: {}, problems: [`--config ${path} must be a flat mapping of setting names to values`] }
  const values = Object.entries(parsed.data ?? {}).flatMap(([name, value]) =>
    value === null ? [] : [[name, String(value)] as const],
  )
  return { values: Object.fromEntries(values), problems: [] }
}
