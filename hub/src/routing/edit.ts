import { BooError } from "@boocontrol/shared/errors"
import { RoutePolicy } from "@boocontrol/shared/route-policy"
import type { PolicyCheck, PolicyRemark, RoutePolicyRow, SavedPolicy } from "@boocontrol/shared/route-policy"
import { LineCounter, isNode, parseDocument } from "yaml"
import type { Document } from "yaml"
import type { Catalogue } from "./catalogue.ts"
import { doubtsIn } from "./core/policy-doubts.ts"
import { problemsIn } from "./core/policy-problems.ts"
import type { PolicyProblem } from "./core/policy-problems.ts"
import type { RouteView } from "./core/view.ts"
import type { PoliciesStore } from "./store/policies.ts"

/** `PolicySave` before anybody has looked at the policy: what is wrong with it is said here, in its own words. */
export interface PolicyGiven {
  readonly policy?: unknown
  readonly yaml?: string | undefined
  readonly version?: number | undefined
}

export interface PolicyEditor {
  check(given: PolicyGiven): PolicyCheck
  create(given: PolicyGiven, by: string | null): Promise<SavedPolicy>
  change(name: string, given: PolicyGiven, by: string | null): Promise<SavedPolicy>
  remove(name: string, by: string | null): Promise<void>
}

/** Saves policies. Each is in force on this hub when its answer goes out, and on the others a moment later. */
export function policyEditor({
  catalogue,
  policies,
  view,
}: {
  catalogue: Catalogue
  policies: PoliciesStore
  /** What there is for a policy to name. */
  view: () => Pick<RouteView, "hosts" | "targets">
}): PolicyEditor {
  const save = async ({ policy, lineAt }: Read, basedOn: number, by: string | null): Promise<SavedPolicy> => {
    const saved = await policies.save({ name: policy.name, policy, basedOn, by })
    if (saved === null) throw new BooError("POLICY_CHANGED", { policy: policy.name, version: basedOn })
    catalogue.saved(saved)
    return { ...known(policy.name), doubts: remarks(doubtsIn(policy, view()), lineAt) }
  }
  const known = (name: string): RoutePolicyRow => {
    const row = catalogue.row(name)
    if (!row) throw new BooError("POLICY_NOT_FOUND", { policy: name, known: namesIn(catalogue) })
    return row
  }
  return {
    check(given) {
      const read = readPolicy(given)
      if (!read.ok) return { ok: false, policy: null, problems: read.problems, doubts: [] }
      const { policy, lineAt } = read
      return { ok: true, policy, problems: [], doubts: remarks(doubtsIn(policy, view()), lineAt) }
    },
    async create(given, by) {
      const read = policyIn(given)
      const { name } = read.policy
      if (catalogue.row(name)) throw new BooError("POLICY_EXISTS", { policy: name })
      return save(read, catalogue.versionOf(name), by)
    },
    async change(name, given, by) {
      const read = policyIn(given)
      if (read.policy.name !== name) {
        const message = `must be ${name}, as which it is saved, not ${read.policy.name}`
        throw invalid([{ path: "name", message, line: read.lineAt(["name"]) }])
      }
      return save(read, given.version ?? known(name).version, by)
    },
    async remove(name, by) {
      known(name)
      const saved = await policies.save({ name, policy: null, basedOn: catalogue.versionOf(name), by })
      if (saved === null)
        throw new BooError("POLICY_CHANGED", { policy: name, version: catalogue.versionOf(name) })
      catalogue.saved(saved)
    },
  }
}

/** A body that brings a policy to be tried: what is wrong with that is said as where it is saved. */
export function refuseBrokenPolicy(body: unknown): void {
  if (typeof body !== "object" || body === null || !("policy" in body) || body.policy === undefined) return
  policyIn({ policy: body.policy })
}

function policyIn(given: PolicyGiven): Read {
  const read = readPolicy(given)
  if (read.ok) return read
  throw invalid(read.problems)
}

function invalid(problems: readonly PolicyRemark[]): BooError {
  const problem = problems
    .map(({ path, message }) => (path === "" ? message : `${path}: ${message}`))
    .join("; ")
  return new BooError("POLICY_INVALID", { problem, problems })
}

type LineAt = (path: readonly PropertyKey[]) => number | null

interface Read {
  readonly policy: RoutePolicy
  /** Where something stands in the text; null where none was given. */
  readonly lineAt: LineAt
}

type PolicyRead = ({ ok: true } & Read) | { ok: false; problems: PolicyRemark[] }

function readPolicy({ policy, yaml }: PolicyGiven): PolicyRead {
  if (policy !== undefined && yaml !== undefined)
    return unread("policy and yaml are both given: send one of them")
  if (policy !== undefined) return understood(policy, () => null)
  if (yaml === undefined) return unread("neither policy nor yaml is given: send one of them")
  const lines = new LineCounter()
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false })
  const broken = document.errors.map(({ message, pos: [at] }) => ({
    ...{ path: "", message: `this is neither JSON nor YAML: ${message}`, line: lines.linePos(at).line },
  }))
  if (broken.length > 0) return { ok: false, problems: broken }
  let value: unknown
  try {
    // Aliases could make a gigabyte of a few lines.
    value = document.toJS({ maxAliasCount: 20 })
  } catch {
    return unread("it refers to its own parts (*name) too often: write them out")
  }
  return understood(value, (path) => lineOf(document, path, lines))
}

function unread(message: string): PolicyRead {
  return { ok: false, problems: [{ path: "", message, line: null }] }
}

function understood(value: unknown, lineAt: LineAt): PolicyRead {
  const parsed = RoutePolicy.safeParse(value)
  if (parsed.success) return { ok: true, policy: parsed.data, lineAt }
  return { ok: false, problems: remarks(problemsIn(value, parsed.error.issues), lineAt) }
}

/** In the order of their lines. */
function remarks(found: readonly PolicyProblem[], lineAt: LineAt): PolicyRemark[] {
  return found
    .map(({ at, path, message }) => ({ path, message, line: lineAt(at) }))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
}

/** Where a value stands, or what it would stand in where it is missing. */
function lineOf(document: Document.Parsed, path: readonly PropertyKey[], lines: LineCounter): number | null {
  for (let depth = path.length; depth >= 0; depth--) {
    const node: unknown = document.getIn(path.slice(0, depth), true)
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
  }
  return null
}

function namesIn(catalogue: Catalogue): string[] {
  return catalogue.rows().map(({ name }) => name)
}
