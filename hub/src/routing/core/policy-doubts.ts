import { ENDPOINT_KINDS } from "@boocontrol/shared/gateway"
import type { RoutePick, RoutePolicy } from "@boocontrol/shared/route-policy"
import { didYouMean } from "./did-you-mean.ts"
import { pattern } from "./policy.ts"
import { pathInWords } from "./policy-problems.ts"
import type { PolicyProblem } from "./policy-problems.ts"
import type { RouteView } from "./view.ts"

/** What a pick may name, and what there is of it now. */
const PICKED = ["models", "hosts", "tags", "quants", "targets"] as const
type Picked = (typeof PICKED)[number]
const WORDS: Readonly<Record<Picked, string>> = {
  models: "model",
  hosts: "host",
  tags: "tag of a host",
  quants: "quantisation",
  targets: "provider",
}

/**
 * What is valid and most likely not what was meant: a name that leads to nothing now, a condition that never holds. It
 * is told and does not stand in the way: a host may be enrolled after the policy that names it.
 */
export function doubtsIn(policy: RoutePolicy, view: Pick<RouteView, "hosts" | "targets">): PolicyProblem[] {
  const found: PolicyProblem[] = []
  const tell = (at: readonly PropertyKey[], message: string): void =>
    void found.push({ at, path: pathInWords(policy, at), message })
  for (const [index, { match = {}, candidates = [] }] of policy.rules.entries()) {
    const { from = 0, below = Infinity } = match.prompt_tokens ?? {}
    if (from >= below)
      tell(
        ["rules", index, "match", "prompt_tokens"],
        `never holds: below must be more than from, and ${below} is not more than ${from}`,
      )
    for (const [entry, text] of (match.endpoint ?? []).entries()) {
      const message = nameless(text, { what: "endpoint", known: ENDPOINT_KINDS })
      if (message !== null) tell(["rules", index, "match", "endpoint", entry], message)
    }
    for (const [pick, given] of candidates.entries())
      for (const kind of PICKED)
        for (const [entry, text] of (given[kind] ?? []).entries()) {
          const message = nameless(text, { what: WORDS[kind], known: knownOf(kind, given, view) })
          if (message !== null) tell(["rules", index, "candidates", pick, kind, entry], message)
        }
  }
  return found
}

function knownOf(kind: Picked, { targets }: RoutePick, view: Pick<RouteView, "hosts" | "targets">): string[] {
  switch (kind) {
    case "models":
      return targets === undefined
        ? view.hosts.flatMap(({ models }) => models.flatMap(({ id, aliases }) => [id, ...aliases]))
        : view.targets.flatMap(({ models }) => models.map(({ id }) => id))
    case "hosts":
      return view.hosts.map(({ id }) => id)
    case "tags":
      return view.hosts.flatMap(({ tags }) => tags)
    case "quants":
      return view.hosts.flatMap(({ models }) => models.flatMap(({ quant }) => quant ?? []))
    case "targets":
      return view.targets.map(({ id }) => id)
  }
}

/** Nothing else means anything in a pattern, and no name has it. */
const OTHER_PATTERNS = /[[\](){}|^$?+\\]/

function nameless(text: string, { what, known }: { what: string; known: readonly string[] }): string | null {
  if (known.some(pattern(text))) return null
  if (OTHER_PATTERNS.test(text) && !known.some((one) => OTHER_PATTERNS.test(one)))
    return `fits no ${what}: only * stands for anything here, write an entry for each`
  const longer = known.some(pattern(`${text}*`)) && text !== ""
  if (longer)
    return `fits no ${what}, since names are compared whole: write ${JSON.stringify(`${text}*`)} for all that begin so`
  const near = didYouMean(text, known)
  const offer = near === null ? someOf(known) : `did you mean ${JSON.stringify(near)}?`
  return `fits no ${what} that is known now${offer === null ? "" : `: ${offer}`}`
}

const SHOWN = 5

function someOf(known: readonly string[]): string | null {
  const all = [...new Set(known)].sort()
  if (all.length === 0) return null
  return `there are ${all.slice(0, SHOWN).join(", ")}${all.length > SHOWN ? ` and ${all.length - SHOWN} more` : ""}`
}
