// @vitest-environment happy-dom
import { describe, expect, it } from "vitest"
import { buildEChartsTheme, hueAt, readTokens } from "./theme.ts"

describe("the theme of the charts", () => {
  it("is made of the tokens that are on screen now, and of the new ones after a change", () => {
    const root = document.documentElement
    root.style.setProperty("--background", "oklch(0 0 0)")
    root.style.setProperty("--foreground", "oklch(1 0 0)")
    root.style.setProperty("--muted", "oklch(0.5 0 0)")
    root.style.setProperty("--accent", "oklch(1 0 0 / 0.5)")
    root.style.setProperty("--m1", "oklch(1 0 0)")
    const dark = readTokens()
    expect(dark.background).toBe("rgb(0, 0, 0)")
    expect(dark.accent).toBe("rgba(255, 255, 255, 0.5)")
    expect(buildEChartsTheme(dark)).toMatchObject({
      textStyle: { color: "rgb(255, 255, 255)" },
      valueAxis: { axisLabel: { color: dark.muted } },
    })
    root.style.setProperty("--foreground", "oklch(0 0 0)")
    expect(buildEChartsTheme(readTokens())).toMatchObject({ textStyle: { color: "rgb(0, 0, 0)" } })
  })

  it("gives each model its hue, and begins again after the last", () => {
    document.documentElement.style.setProperty("--m2", "oklch(0 0 0)")
    const tokens = readTokens()
    expect([hueAt(tokens, 0), hueAt(tokens, 9)]).toEqual([tokens.m1, tokens.m2])
  })
})
