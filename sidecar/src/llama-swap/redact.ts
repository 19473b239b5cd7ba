const HIDDEN = "[REDACTED]"

/** Names whose values are secret, wherever they come from. */
const SECRET_NAME = /auth|cookie|secret|passw|credential|api[-_]?key|token|signature|^x-.*-key$/i
/** Values that look like a key under whatever name: schemes, prefixed keys, JSON web tokens, long unbroken hex. */
const SECRET_VALUE =
  /^(?:bearer|basic|digest)\s|\b(?:sk|pk|rk|ghp|gho|hf|xox[abps]|AKIA|nvapi)[-_][\w-]{8,}|\beyJ[\w-]{10,}\.|\b[0-9a-f]{40,}\b/i
const MAX_HEADERS = 40
const MAX_VALUE_CHARS = 300

/** A key within a line of text: what stands before it stays, so that one can see where it came from. */
const SECRET_IN_TEXT =
  /((?:bearer|basic)\s+|api[-_]?key["']?\s*[:= ]\s*["']?|authorization["']?\s*[:=]\s*["']?)(?!bearer|basic)[^\s"',]{6,}|\b(?:sk|pk|rk|ghp|gho|hf|xox[abps]|nvapi)[-_][\w-]{8,}/gi

/** Log lines and error texts travel as they are but for keys. */
export function redactText(text: string): string {
  return text.replaceAll(SECRET_IN_TEXT, (_, before: string | undefined) => `${before ?? ""}${HIDDEN}`)
}

/** llama-swap redacts five headers; everything else a client sends reaches us, so we look again. */
export function redactHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .slice(0, MAX_HEADERS)
      .map(([name, value]) => [
        name,
        SECRET_NAME.test(name) || SECRET_VALUE.test(value) ? HIDDEN : value.slice(0, MAX_VALUE_CHARS),
      ]),
  )
}
