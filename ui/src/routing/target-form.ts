import { NewTarget } from "@boocontrol/shared/routing"
import type { RouteTarget, TargetDialect, TargetModel, TargetPatch } from "@boocontrol/shared/routing"

/** A model of a target as it is typed. */
export interface ModelForm {
  /** Stays with it, wherever it stands among the others. */
  readonly key: number
  /** Not asked for in the form, and kept. */
  readonly quality: TargetModel["quality"]
  id: string
  input: string
  output: string
  cached: string
  context: string
  /** Words with blanks or commas between them. */
  capabilities: string
}

export interface TargetForm {
  target_id: string
  display_name: string
  dialect: TargetDialect
  base_url: string
  /** Write-only: empty keeps what there is. */
  credential: string
  dropsCredential: boolean
  enabled: boolean
  max_concurrent: string
  models: ModelForm[]
}

/** By field; of a model `<its key> <field>`. */
export type TargetProblems = Readonly<Record<string, string>>

export function modelForm(key: number, model: TargetModel | null = null): ModelForm {
  const text = (value: number | null | undefined): string => value?.toString() ?? ""
  return {
    ...{ key, id: model?.id ?? "", quality: model?.quality ?? {} },
    ...{ input: text(model?.input_per_mtok), output: text(model?.output_per_mtok) },
    ...{ cached: text(model?.cached_input_per_mtok), context: text(model?.context_length) },
    capabilities: model?.capabilities.join(", ") ?? "",
  }
}

export function targetForm(target: RouteTarget | null): TargetForm {
  return {
    ...{ target_id: target?.target_id ?? "", display_name: target?.display_name ?? "" },
    ...{ dialect: target?.dialect ?? "openai", base_url: target?.base_url ?? "" },
    ...{ credential: "", dropsCredential: false, enabled: target?.enabled ?? true },
    max_concurrent: String(target?.max_concurrent ?? 16),
    models: target ? target.models.map((model, key) => modelForm(key, model)) : [modelForm(0)],
  }
}

const MOST_AT_ONCE = 10_000
const PRICE = "A price per million tokens, such as 0.27; 0 where it costs nothing"

type TargetRead = { readonly body: NewTarget } | { readonly problems: TargetProblems }

/** A target as it would be stored, or what is wrong with each field, in words. */
export function readTarget(form: TargetForm): TargetRead {
  const problems: Record<string, string> = {}
  const note = (field: string, problem: string | null): void => {
    if (problem !== null) problems[field] = problem
  }
  note("target_id", idProblem(form.target_id))
  note("display_name", form.display_name.trim() === "" ? "Give it a name to be read" : null)
  note("base_url", schemaProblem("base_url", form.base_url.trim()))
  if (form.credential !== "") note("credential", schemaProblem("credential", form.credential))
  note("max_concurrent", atOnceProblem(form.max_concurrent))
  for (const model of form.models) {
    note(`${model.key} id`, modelProblem(model, form.models))
    for (const field of ["input", "output", "cached"] as const)
      note(`${model.key} ${field}`, priceProblem(model[field], field === "cached"))
    note(`${model.key} context`, isCount(model.context) ? null : "A whole number of tokens, or nothing")
  }
  if (Object.keys(problems).length > 0) return { problems }
  return {
    body: {
      ...{ target_id: NewTarget.shape.target_id.parse(form.target_id.trim()), dialect: form.dialect },
      ...{ display_name: form.display_name.trim(), base_url: form.base_url.trim(), enabled: form.enabled },
      ...{ max_concurrent: Number(form.max_concurrent), models: form.models.map(modelOf) },
      ...(form.credential !== "" && { credential: form.credential }),
    },
  }
}

/** What was changed of a stored target: what somebody else changed meanwhile stays. */
export function patchOf(target: RouteTarget, form: TargetForm, body: NewTarget): TargetPatch {
  const before = readTarget(targetForm(target))
  const old: Partial<NewTarget> = "body" in before ? before.body : {}
  const fields = ["display_name", "dialect", "base_url", "enabled", "models", "max_concurrent"] as const
  return {
    ...Object.fromEntries(
      fields
        .filter((field) => JSON.stringify(old[field]) !== JSON.stringify(body[field]))
        .map((field) => [field, body[field]]),
    ),
    ...(body.credential !== undefined && { credential: body.credential }),
    ...(form.dropsCredential && body.credential === undefined && { credential: null }),
  }
}

/** What one should know before it is saved; null: nothing. */
export function credentialWarning(form: TargetForm, target: RouteTarget | null): string | null {
  const keeps = target?.has_credential === true && form.credential === "" && !form.dropsCredential
  if (keeps && target.base_url !== form.base_url.trim())
    return "The credential that is kept goes to the new address from then on"
  const isPlain = /^http:/i.test(form.base_url.trim())
  return isPlain && (keeps || form.credential !== "")
    ? "Over http anybody on the way can read the credential"
    : null
}

function idProblem(text: string): string | null {
  const id = text.trim()
  if (id === "") return "Give it an id: its models are asked for as id/model"
  if (/^[a-z0-9-]{1,40}$/.test(id)) return schemaProblem("target_id", id)
  const better = id
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
    .replaceAll(/^-|-$/g, "")
  return `Only a-z, 0-9 and -, 40 characters at most${better === "" ? "" : `, such as ${better}`}`
}

/** The hub's own words: it would refuse it with them. */
function schemaProblem(field: "target_id" | "base_url" | "credential", value: string): string | null {
  const read = NewTarget.shape[field].safeParse(value)
  const message = read.success ? null : (read.error.issues[0]?.message ?? "Not valid")
  return message === null ? null : `${message.slice(0, 1).toUpperCase()}${message.slice(1)}`
}

function atOnceProblem(text: string): string | null {
  const isOne = /^\d+$/.test(text.trim()) && Number(text) > 0 && Number(text) <= MOST_AT_ONCE
  return isOne ? null : "A whole number from 1 to 10,000"
}

function modelProblem({ id, key }: ModelForm, all: readonly ModelForm[]): string | null {
  const name = id.trim()
  if (name === "") return "The provider's own name of it, or remove this model"
  if (name.length > 300) return "At most 300 characters"
  return all.some((other) => other.key < key && other.id.trim() === name) ? "It is there already" : null
}

function priceProblem(text: string, isOptional: boolean): string | null {
  const trimmed = text.trim()
  if (trimmed === "") return isOptional ? null : PRICE
  // A comma may be meant as a point or between thousands: neither is guessed.
  return /^(?:\d+|\d*\.\d+|\d+e-\d+)$/.test(trimmed) ? null : PRICE
}

function isCount(text: string): boolean {
  return text.trim() === "" || (/^\d+$/.test(text.trim()) && Number(text) > 0)
}

function modelOf({ id, input, output, cached, context, capabilities, quality }: ModelForm): TargetModel {
  return {
    ...{ id: id.trim(), input_per_mtok: Number(input), output_per_mtok: Number(output) },
    ...(cached.trim() !== "" && { cached_input_per_mtok: Number(cached) }),
    ...(context.trim() !== "" && { context_length: Number(context) }),
    ...{ capabilities: capabilities.split(/[\s,]+/).filter(Boolean), quality },
  }
}
