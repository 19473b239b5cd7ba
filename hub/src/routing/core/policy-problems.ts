import { didYouMean } from "./did-you-mean.ts"
import { LEFT_OUT, POLICY_FIELDS } from "./policy-fields.ts"

type Path = readonly PropertyKey[]

/** What a schema says against a value, as far as it is needed: where, and which keys it does not know. */
export interface PolicyIssue {
  readonly code?: string | undefined
  readonly path: Path
  readonly keys?: readonly string[]
}

export interface PolicyProblem {
  /** In the value. */
  readonly at: Path
  readonly path: string
  readonly message: string
}

/** Every problem where it is in the policy, in its own words, with what to write instead. */
export function problemsIn(policy: unknown, issues: readonly PolicyIssue[]): PolicyProblem[] {
  const found = new Map<string, PolicyProblem>()
  for (const { code, path, keys = [] } of issues)
    for (const at of code === "unrecognized_keys" ? keys.map((key) => [...path, key]) : [path]) {
      const isUnknown = code === "unrecognized_keys"
      const message = isUnknown ? unknownKey(at) : wrongValue(at, valueAt(policy, at))
      const problem = { at, path: pathInWords(policy, at), message }
      // A value may offend twice, by its length and by its letters: it is one thing to write anew.
      if (!found.has(problem.path)) found.set(problem.path, problem)
    }
  return [...found.values()]
}

/** `rule agents, candidate 2, hosts, entry 1`: rules are named and counted as decisions do it. */
export function pathInWords(policy: unknown, at: Path): string {
  const parts: string[] = []
  let isNew = true
  for (const [depth, key] of at.entries()) {
    const list = String(at[depth - 1])
    if (typeof key === "number") {
      const rule = valueAt(policy, [...at.slice(0, depth + 1), "name"])
      const name = list === "rules" && typeof rule === "string" && rule !== "" ? rule : String(key + 1)
      const what = { rules: "rule", candidates: "candidate" }[list]
      if (what !== undefined) parts.pop()
      parts.push(what === undefined ? `entry ${key + 1}` : `${what} ${name}`)
      isNew = true
    } else {
      parts.push(isNew ? String(key) : `${parts.pop()}.${String(key)}`)
      isNew = false
    }
  }
  return parts.join(", ")
}

const placeOf = (at: Path): string =>
  at
    .map((key, depth) => (typeof key === "number" || at[depth - 1] === "header" ? "*" : String(key)))
    .join(".")

function wrongValue(at: Path, given: unknown): string {
  const place = placeOf(at)
  const known = POLICY_FIELDS[place]
  if (known === undefined) return "is not valid"
  const { is, example, guess } = known
  const key = String(at.at(-1) ?? "")
  if (place === "rules.*.match.header.*" && key !== key.toLowerCase() && typeof given === "string")
    return `must be ${is}: write ${key.toLowerCase()}`
  if (given === undefined) return `is missing: write ${key}: ${example}`
  if (Array.isArray(given) && given.length === 0 && is.startsWith("a list")) {
    const leftOut = LEFT_OUT[place] ?? (place === "rules" ? null : "anything")
    const write = `write for example ${example}`
    return `is an empty list: ${leftOut === null ? "" : `leave it out for ${leftOut}, or `}${write}`
  }
  const meant = guess(given)
  return `must be ${is}, not ${shown(given)}: write ${meant ?? `for example ${example}`}`
}

function unknownKey(at: Path): string {
  const key = String(at.at(-1))
  const parent = placeOf(at.slice(0, -1))
  const allowed = childrenOf(parent)
  const [, plain = key, unit] = /^(.+?)_?(ms|msec|millis|milliseconds|min|minutes|h|hours)$/i.exec(key) ?? []
  const near = didYouMean(key, allowed) ?? didYouMean(plain, allowed)
  if (near !== null) {
    const isOtherUnit = unit !== undefined && near.endsWith("_s")
    return `there is no such key: did you mean ${near}${isOtherUnit ? ", in seconds" : ""}?`
  }
  const elsewhere = Object.keys(POLICY_FIELDS).find(
    (place) => place.startsWith("rules.*") && place.endsWith(`.${key}`),
  )
  const place = elsewhere?.slice(0, -key.length - 1)
  if (place !== undefined && place !== parent)
    return `there is no such key here: it belongs into ${placeInWords(place)}`
  return `there is no such key: possible are ${allowed.join(", ")}`
}

function placeInWords(place: string): string {
  if (place === "rules.*") return "a rule"
  if (place === "rules.*.candidates.*") return "an entry of candidates"
  return place.replace(/^rules\.\*\./, "")
}

function childrenOf(place: string): string[] {
  const start = place === "" ? "" : `${place}.`
  return Object.keys(POLICY_FIELDS)
    .filter((one) => one !== "" && one.startsWith(start))
    .map((one) => one.slice(start.length))
    .filter((one) => !one.includes(".") && one !== "*")
}

const LONGEST_SHOWN = 60

function shown(given: unknown): string {
  if (given === null) return "nothing"
  if (Array.isArray(given)) return given.length === 0 ? "an empty list" : `a list of ${given.length}`
  if (typeof given === "object") return "a block"
  const text = JSON.stringify(given)
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, key)
        ? Reflect.get(inner, key)
        : undefined,
    value,
  )
}
