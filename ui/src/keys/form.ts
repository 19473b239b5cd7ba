import type { NewGatewayKey } from "@boocontrol/shared/gateway"
import { instantOf } from "@boocontrol/shared/time"
import { count } from "../kit/format.ts"

export const EXPIRIES = ["never", "1 day", "7 days", "30 days", "90 days", "365 days", "on"] as const
export type Expiry = (typeof EXPIRIES)[number]

export const COUNTS = ["requests_per_min", "tokens_per_min", "tokens_per_day", "tokens_per_month"] as const
export const MONEY = ["money_per_day", "money_per_month"] as const

/** A key that is asked for, as it is typed. */
export interface KeyForm extends Record<(typeof COUNTS)[number] | (typeof MONEY)[number], string> {
  label: string
  /** None: all. */
  models: readonly string[]
  expires: Expiry
  /** Local date and time, where `expires` is `on`. */
  expires_on: string
}

export type KeyProblems = Partial<Record<keyof KeyForm, string>>

export function emptyForm(): KeyForm {
  return {
    ...{ label: "", models: [], expires: "never", expires_on: "" },
    ...{ requests_per_min: "", tokens_per_min: "", tokens_per_day: "", tokens_per_month: "" },
    ...{ money_per_day: "", money_per_month: "" },
  }
}

const DAY_MS = 86_400_000
const LABEL_LENGTH = 40
const MODEL_LENGTH = 300
const MOST_MODELS = 200
// As the hub keeps them: a minute in 32 bits, a day and a month in what a number is exact in.
const MOST: Readonly<Record<(typeof COUNTS)[number], number>> = {
  requests_per_min: 2_147_483_647,
  tokens_per_min: 2_147_483_647,
  tokens_per_day: Number.MAX_SAFE_INTEGER,
  tokens_per_month: Number.MAX_SAFE_INTEGER,
}

type KeyRead = { readonly body: NewGatewayKey } | { readonly problems: KeyProblems }

/** What is asked of the hub, or what is wrong with each field, in words. */
export function readForm(form: KeyForm, nowMs: number): KeyRead {
  const problems: KeyProblems = {}
  const note = (field: keyof KeyForm, problem: string | null): void => {
    if (problem !== null) problems[field] = problem
  }
  note("label", labelProblem(form.label))
  note("models", modelsProblem(form.models))
  note("expires_on", expiryProblem(form, nowMs))
  for (const field of COUNTS) note(field, countProblem(form[field], MOST[field]))
  for (const field of MONEY) note(field, moneyProblem(form[field]))
  if (Object.keys(problems).length > 0) return { problems }

  const expires = expiryMs(form, nowMs)
  const limits = [...COUNTS, ...MONEY]
    .filter((field) => form[field].trim() !== "")
    .map((field) => [field, numberIn(form[field])])
  return {
    body: {
      label: form.label.trim(),
      ...(form.models.length > 0 && { models: [...form.models] }),
      ...Object.fromEntries(limits),
      ...(expires !== null && { expires_at: instantOf(expires) }),
    },
  }
}

function labelProblem(text: string): string | null {
  const label = text.trim()
  if (label === "") return "Give it a label: requests with this key are listed under it"
  if (label.length > LABEL_LENGTH) return `At most ${LABEL_LENGTH} characters; these are ${label.length}`
  if (/^[a-z0-9-]+$/.test(label)) return null
  const better = label
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")
  return `Only a-z, 0-9 and -${better === "" ? "" : `, such as ${better}`}`
}

function modelsProblem(models: readonly string[]): string | null {
  if (models.length > MOST_MODELS)
    return `At most ${MOST_MODELS} names; a pattern such as qwen* stands for many`
  const long = models.find(({ length }) => length > MODEL_LENGTH)
  return long === undefined
    ? null
    : `A name has at most ${MODEL_LENGTH} characters: ${long.slice(0, 40)}… is longer`
}

function countProblem(text: string, most: number): string | null {
  const trimmed = text.trim()
  if (trimmed === "") return null
  if (!/^(?:\d+|\d{1,3}(?:[ ,_]\d{3})+)$/.test(trimmed) || numberIn(trimmed) === 0)
    return "A whole number above 0, or nothing for no limit"
  return numberIn(trimmed) > most ? `At most ${count(most)}; leave it empty for no limit` : null
}

function moneyProblem(text: string): string | null {
  const trimmed = text.trim()
  if (trimmed === "") return null
  // A comma may be meant as a point or between thousands: neither is guessed.
  if (trimmed.includes(",")) return "Write it with a point and without commas, such as 2.5"
  return /^(?:\d+|\d*\.\d+)$/.test(trimmed) && Number(trimmed) > 0
    ? null
    : "A number above 0 such as 2.5, or nothing for no limit"
}

function expiryProblem({ expires, expires_on: on }: KeyForm, nowMs: number): string | null {
  if (expires !== "on") return null
  const at = Date.parse(on)
  if (Number.isNaN(at)) return "Say on which day and at what time it ends"
  return at <= nowMs ? "That is over: a key that has expired opens nothing" : null
}

function expiryMs({ expires, expires_on: on }: KeyForm, nowMs: number): number | null {
  if (expires === "never") return null
  return expires === "on" ? Date.parse(on) : nowMs + Number.parseInt(expires, 10) * DAY_MS
}

function numberIn(text: string): number {
  return Number(text.replaceAll(/[ ,_]/g, ""))
}
