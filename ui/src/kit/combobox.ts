import type { Tone } from "./tone.ts"

export interface ComboboxOption {
  readonly value: string
  readonly group?: string
  /** In fewer words, beside the value. */
  readonly detail?: string
  readonly badges?: readonly { readonly text: string; readonly tone: Tone }[]
}

/** More than anybody reads: what is typed makes them fewer. */
const MOST_SHOWN = 100

/** Those that hold every word that was typed, in their order; `left` more would be shown if there were room. */
export function optionsFor(
  options: readonly ComboboxOption[],
  typed: string,
): { shown: readonly ComboboxOption[]; left: number } {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  const found = options.filter(({ value, detail = "" }) => {
    const text = `${value} ${detail}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
  return { shown: found.slice(0, MOST_SHOWN), left: Math.max(0, found.length - MOST_SHOWN) }
}

/** The next option up or down, round the end; -1: none was chosen yet. */
export function nextIndex(index: number, step: 1 | -1, length: number): number {
  if (length === 0) return -1
  if (index < 0) return step === 1 ? 0 : length - 1
  return (index + step + length) % length
}

export interface ComboboxGroup {
  readonly name: string
  readonly options: readonly { readonly option: ComboboxOption; readonly index: number }[]
}

/** Options under their headings; those of one group must stand together. */
export function groupsOf(shown: readonly ComboboxOption[]): ComboboxGroup[] {
  const groups = new Map<string, { option: ComboboxOption; index: number }[]>()
  for (const [index, option] of shown.entries()) {
    const name = option.group ?? ""
    groups.set(name, [...(groups.get(name) ?? []), { option, index }])
  }
  return [...groups].map(([name, options]) => ({ name, options }))
}
