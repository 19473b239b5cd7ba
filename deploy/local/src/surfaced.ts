import * as z from "zod/mini"

const LogRecord = z.object({
  level: z.union([z.number(), z.string()]),
  msg: z.string(),
  err: z.optional(z.object({ message: z.optional(z.string()) })),
})
const ERROR_LEVEL = 50
const ERROR_NAMES = ["error", "fatal"]

// `2026-11-22T14:06:25.176Z info connected`: the same for people.
const TEXT_RECORD = /^\d{4}-\d\d-\d\dT[\d:.]+Z?\s+(trace|debug|info|warn|error|fatal)\s+(.*)$/i

/** The part of a child's output that belongs on the screen: errors, and whatever it writes to stderr in plain words. */
export function surfaced(line: string, stream: "stdout" | "stderr"): string | null {
  const text = line.trim()
  if (text === "") return null
  const record = text.startsWith("{") ? parseRecord(text) : parseText(text)
  if (record === null) return stream === "stderr" ? text : null
  const isError =
    typeof record.level === "number" ? record.level >= ERROR_LEVEL : ERROR_NAMES.includes(record.level)
  if (!isError) return null
  const cause = record.err?.message
  return cause === undefined || record.msg.includes(cause) ? record.msg : `${record.msg}: ${cause}`
}

function parseText(text: string): z.infer<typeof LogRecord> | null {
  const [, level, msg] = TEXT_RECORD.exec(text) ?? []
  return level === undefined || msg === undefined ? null : { level: level.toLowerCase(), msg }
}

function parseRecord(text: string): z.infer<typeof LogRecord> | null {
  try {
    return LogRecord.parse(JSON.parse(text))
  } catch {
    return null
  }
}
