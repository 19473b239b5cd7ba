import { inject, readonly, shallowRef } from "vue"
import type { InjectionKey, Ref } from "vue"

export const THEME_CHOICES = ["system", "dark", "light"] as const
export type ThemeChoice = (typeof THEME_CHOICES)[number]
export type ThemeName = "dark" | "light"

export interface Theme {
  readonly choice: Readonly<Ref<ThemeChoice>>
  /** What is on screen. Changes after the tokens did, so that whoever watches it reads the new ones. */
  readonly name: Readonly<Ref<ThemeName>>
  readonly choose: (choice: ThemeChoice) => void
}

// The same key is read by public/boot.js before the first paint.
const STORAGE_KEY = "boocontrol.theme"

export function createTheme(): Theme {
  const prefersLight = matchMedia("(prefers-color-scheme: light)")
  const choice = shallowRef<ThemeChoice>(storedChoice())
  const name = shallowRef<ThemeName>("dark")

  function apply(): void {
    const next = choice.value === "system" ? (prefersLight.matches ? "light" : "dark") : choice.value
    document.documentElement.dataset["theme"] = next
    name.value = next
  }
  prefersLight.addEventListener("change", apply)
  apply()
  return {
    choice: readonly(choice),
    name: readonly(name),
    choose(next) {
      choice.value = next
      store(next)
      apply()
    },
  }
}

function storedChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(STORAGE_KEY)
    return THEME_CHOICES.find((choice) => choice === stored) ?? "system"
  } catch {
    return "system"
  }
}

function store(choice: ThemeChoice): void {
  try {
    localStorage.setItem(STORAGE_KEY, choice)
  } catch {
    // Storage may be switched off; the choice then holds for this page only.
  }
}

export const THEME: InjectionKey<Theme> = Symbol("theme")

export function useTheme(): Theme {
  const theme = inject(THEME)
  if (!theme) throw new Error("no theme was provided")
  return theme
}
