import { instantOf } from "@boocontrol/shared/time"
import type { LogLine } from "./line.ts"

/** Lines for the clipboard or a file: who wrote each, and when, where that is known. */
export function textOf(lines: readonly LogLine[]): string {
  return lines
    .map((line) =>
      [line.isHistory ? "earlier" : instantOf(line.at), line.host, line.model ?? line.source, line.text].join(
        " ",
      ),
    )
    .join("\n")
}

/** Hands a text to the browser as a file. */
export function saveText(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }))
  const link = document.createElement("a")
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
