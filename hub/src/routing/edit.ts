import { BooError } from "@boocontrol/shared/errors"
import { RoutePolicy } from "@boocontrol/shared/route-policy"
import type { PolicyCheck, PolicySave, RoutePolicyRow } from "@boocontrol/shared/route-policy"
import { LineCounter, isNode, parseDocument } from "yaml"
import type { Document } from "yaml"
import type { Catalogue } from "./catalogue.ts"
import type { PoliciesStore } from "./store/policies.ts"

export interface PolicyEditor {
  create(given: PolicySave, by: string | null): Promise<RoutePolicyRow>
  change(name: string, given: PolicySave, by: string | null): Promise<RoutePolicyRow>
  remove(name: string, by: string | null): Promise<void>
}

/** Saves policies. Each is in force on this hub when its answer goes out, and on the others a moment later. */
export function policyEditor({
  catalogue,
  policies,
}: {
  catalogue: Catalogue
  policies: PoliciesStore
}): PolicyEditor {
  const save = async (policy: RoutePolicy, basedOn: number, by: string | null): Promise<RoutePolicyRow> => {
    const saved = await policies.save({ name: policy.name, policy, basedOn, by })
    if (saved === null) throw new BooError("POLICY_CHANGED", { policy: policy.name, version: basedOn })
    catalogue.saved(saved)
    const row = catalogue.row(policy.name)
    if (!row) throw new BooError("POLICY_NOT_FOUND", { policy: policy.name, known: namesIn(catalogue) })
    return row
  }
  const known = (name: string): RoutePolicyRow => {
    const row = catalogue.row(name)
    if (!row) throw new BooError("POLICY_NOT_FOUND", { policy: name, known: namesIn(catalogue) })
    return row
  }
  return {
    async create(given, by) {
      const policy = policyIn(given)
      if (catalogue.row(policy.name)) throw new BooError("POLICY_EXISTS", { policy: policy.name })
      return save(policy, catalogue.versionOf(policy.name), by)
    },
    async change(name, given, by) {
      const policy = policyIn(given)
      if (policy.name !== name)
        throw new BooError("POLICY_INVALID", { problem: `it is named ${policy.name}, and saved as ${name}` })
      return save(policy, given.version ?? known(name).version, by)
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

/** Every problem at once, each with where it is. */
export function checkPolicy(given: PolicySave): PolicyCheck {
  const read = readPolicy(given)
  return read.ok
    ? { ok: true, policy: read.policy, problems: [] }
    : { ok: false, policy: null, problems: read.problems }
}

function policyIn(given: PolicySave): RoutePolicy {
  const read = readPolicy(given)
  if (read.ok) return read.policy
  const problem = read.problems
    .map(({ path, message }) => (path === "" ? message : `${path}: ${message}`))
    .join("; ")
  throw new BooError("POLICY_INVALID", { problem })
}

type PolicyRead = { ok: true; policy: RoutePolicy } | { ok: false; problems: PolicyCheck["problems"] }

function readPolicy({ policy, yaml }: PolicySave): PolicyRead {
  if (policy && yaml !== undefined)
    return { ok: false, problems: [{ path: "", message: "policy and yaml are both given", line: null }] }
  if (policy) return { ok: true, policy }
  if (yaml === undefined)
    return { ok: false, problems: [{ path: "", message: "neither policy nor yaml is given", line: null }] }
  const lines = new LineCounter()
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false })
  const broken = document.errors.map(({ message, pos: [at] }) => ({
    ...{ path: "", message, line: lines.linePos(at).line },
  }))
  if (broken.length > 0) return { ok: false, problems: broken }
  let value: unknown
  try {
    // Aliases could make a gigabyte of a few lines.
    value = document.toJS({ maxAliasCount: 20 })
  } catch (error) {
    const message = error instanceof Error ? error.message : "not YAML"
    return { ok: false, problems: [{ path: "", message, line: null }] }
  }
  const parsed = RoutePolicy.safeParse(value)
  if (parsed.success) return { ok: true, policy: parsed.data }
  const problems = parsed.error.issues.map((issue) => ({
    ...{ path: issue.path.map(String).join("."), message: issue.message },
    line: lineOf(
      document,
      issue.code === "unrecognized_keys" ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path,
      lines,
    ),
  }))
  return { ok: false, problems: problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)) }
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
