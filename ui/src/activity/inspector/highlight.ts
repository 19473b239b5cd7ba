import { createCssVariablesTheme, createHighlighterCore } from "@shikijs/core"
import type { HighlighterCore } from "@shikijs/core"
import { createJavaScriptRegexEngine } from "@shikijs/engine-javascript"
import json from "@shikijs/langs/json"

export interface Lit {
  readonly lines: readonly (readonly { readonly text: string; readonly colour: string | null }[])[]
  /** What is too much to colour, as it is. */
  readonly rest: string
}

// Colouring takes about a millisecond per kilobyte on a slow machine: more than this would be felt.
const MOST_CHARS = 60_000
const THEME = "boocontrol"

let highlighter: Promise<HighlighterCore> | null = null

/** Colours follow the page's own theme by its variables. */
export async function light(text: string): Promise<Lit> {
  highlighter ??= createHighlighterCore({
    themes: [createCssVariablesTheme({ name: THEME, variablePrefix: "--shiki-" })],
    langs: [json],
    engine: createJavaScriptRegexEngine(),
  })
  const made = await highlighter
  const end = text.length <= MOST_CHARS ? text.length : text.lastIndexOf("\n", MOST_CHARS) + 1 || MOST_CHARS
  const { tokens } = made.codeToTokens(text.slice(0, end), { lang: "json", theme: THEME })
  return {
    lines: tokens.map((line) => line.map(({ content, color }) => ({ text: content, colour: color ?? null }))),
    rest: text.slice(end),
  }
}
