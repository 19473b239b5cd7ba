import { redactHeader, redactSecrets } from "@boocontrol/shared/redact"

const MAX_HEADERS = 40
const MAX_VALUE_CHARS = 300

/** Log lines and error texts travel as they are but for keys. */
export function redactText(text: string): string {
  return redactSecrets(text).text
}

/** llama-swap redacts five headers; everything else a client sends reaches us, so we look again. */
export function redactHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .slice(0, MAX_HEADERS)
      .map(([name, value]) => [name, redactHeader(name, value).slice(0, MAX_VALUE_CHARS)]),
  )
}
