/** Takes secrets out of texts. Every repetition below is bounded, so that no text takes longer than its length says. */
export const HIDDEN = "[REDACTED]"

/** Names whose values are secret, wherever they come from. */
const SECRET_NAME = /auth|cookie|secret|passw|credential|api[-_]?key|token|signature|^x-.*-key$/i
/** Values that look like a key under whatever name: schemes, prefixed keys, JSON web tokens, long unbroken hex. */
const SECRET_VALUE =
  /^(?:bearer|basic|digest)\s|\b(?:sk|pk|rk|ghp|gho|hf|xox[abps]|AKIA|nvapi)[-_][\w-]{8,}|\beyJ[\w-]{10,}\.|\b[0-9a-f]{40,}\b/i

export function redactHeader(name: string, value: string): string {
  return SECRET_NAME.test(name) || SECRET_VALUE.test(value) ? HIDDEN : value
}

const NAME =
  "authorization|x-api-key|api[-_]?key|access[-_]?token|refresh[-_]?token|auth[-_]?token|client[-_]?secret|secret[-_]?key|private[-_]?key|password|passwd"
/** Between a name and its value, also where both stand in JSON within JSON. */
const BETWEEN = String.raw`\\?["']?\s{0,8}[:=]\s{0,8}\\?["']?`

interface Rule {
  readonly pattern: RegExp
  /** What stays before the secret. */
  readonly keeps: (match: string, before: string | undefined) => string
}

const whole = () => HIDDEN
const after = (_: string, before: string | undefined) => `${before ?? ""}${HIDDEN}`

const RULES: readonly Rule[] = [
  {
    // Before the others: what stands within it is not looked at again.
    pattern:
      /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[^-]|-(?!----)){0,8192}-----END [A-Z ]{0,30}PRIVATE KEY-----/g,
    keeps: whole,
  },
  {
    pattern: new RegExp(
      String.raw`(\b(?:set-)?cookie${BETWEEN})(?!\s{0,8}\[REDACTED\])[^\r\n"'\\]{6,4096}`,
      "gi",
    ),
    keeps: after,
  },
  {
    pattern: new RegExp(
      String.raw`(\b(?:${NAME})${BETWEEN}(?:(?:bearer|basic|digest|token)\s{1,8})?)(?!\[REDACTED\]|(?:bearer|basic|digest|token)\b)[^\s"'\\,;&}]{6,4096}`,
      "gi",
    ),
    keeps: after,
  },
  // A flag of a command line; what stands for a key is none.
  {
    pattern: new RegExp(
      String.raw`(--(?:${NAME}|(?:hf-)?token)\s{1,8}["']?)(?![<$]|\[REDACTED\])[^\s"'\\]{6,4096}`,
      "gi",
    ),
    keeps: after,
  },
  // A word of English has no digit in it.
  { pattern: /\b((?:bearer|basic)\s{1,8})(?=[\w.~+/=-]{0,200}\d)[\w.~+/=-]{12,4096}/gi, keeps: after },
  {
    pattern:
      /\b(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|hf|xox[abprs]|nvapi|gsk)[-_](?=[\w-]{0,200}\d)[\w-]{8,256}/g,
    keeps: whole,
  },
  { pattern: /\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,60}/g, keeps: whole },
  { pattern: /\beyJ[\w-]{10,512}\.[\w-]{10,4096}(?:\.[\w-]{0,1024})?/g, keeps: whole },
  { pattern: /\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@"']{1,100}:)[^\s/@"']{1,200}(?=@)/gi, keeps: after },
]

export interface Redacted {
  readonly text: string
  /** How many secrets were taken out. */
  readonly count: number
}

/** A text as it may be kept: requests, answers, errors. What it says otherwise stays as it is. */
export function redactSecrets(text: string): Redacted {
  let count = 0
  let clean = text
  for (const { pattern, keeps } of RULES) {
    clean = clean.replaceAll(pattern, (match: string, before: unknown) => {
      count += 1
      return keeps(match, typeof before === "string" ? before : undefined)
    })
  }
  return { text: clean, count }
}
