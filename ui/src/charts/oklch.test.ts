import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse, rgb } from "culori"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseOklch, toRgbText } from "./oklch.ts"

const css = readFileSync(join(import.meta.dirname, "../styles/tokens.css"), "utf8")
const TOKENS = [...css.matchAll(/(--[\w-]+): (oklch\([^)]+\))/g)].map(
  ([, name = "", value = ""]) => [name, value] as const,
)

/** What a colour library that others trust makes of it, clipped to the screen. */
function reference(text: string) {
  const color = rgb(parse(text))
  if (!color) throw new Error(`no colour: ${text}`)
  const byte = (value: number) => Math.round(Math.min(1, Math.max(0, value)) * 255)
  return { r: byte(color.r), g: byte(color.g), b: byte(color.b), alpha: color.alpha ?? 1 }
}

/** Each channel may differ by one: both round, in different orders. */
function expectSame(text: string): void {
  const ours = parseOklch(text)
  const theirs = reference(text)
  if (!ours) throw new Error(`not read: ${text}`)
  const differences = (["r", "g", "b"] as const).map((channel) => Math.abs(ours[channel] - theirs[channel]))
  expect(Math.max(...differences)).toBeLessThanOrEqual(1)
  expect(ours.alpha).toBeCloseTo(theirs.alpha, 5)
}

describe("oklch as the charts read it", () => {
  it("sees the tokens of both themes", () => {
    expect(TOKENS.length).toBeGreaterThan(40)
  })

  it.each(TOKENS)("gives token %s (%s) the colour a reference gives it", (_name, value) => {
    expectSame(value)
  })

  it("agrees with the reference for any colour", () => {
    const part = (max: number) => fc.integer({ min: 0, max: 1000 }).map((n) => (n / 1000) * max)
    fc.assert(
      fc.property(part(1), part(0.37), part(360), part(1), (l, c, h, a) => {
        expectSame(`oklch(${l.toFixed(3)} ${c.toFixed(3)} ${h.toFixed(1)} / ${a.toFixed(3)})`)
      }),
    )
  })

  it("is written as ECharts parses it", () => {
    expect(toRgbText("oklch(1 0 0)")).toBe("rgb(255, 255, 255)")
    expect(toRgbText("oklch(0 0 0 / 50%)")).toBe("rgba(0, 0, 0, 0.5)")
    expect(toRgbText("oklch(100% 0 0deg)", 0.25)).toBe("rgba(255, 255, 255, 0.25)")
  })

  it.each(["#fff", "oklch(1 0)", "oklch(a b c)", ""])("leaves %j as it is", (text) => {
    expect(parseOklch(text)).toBeNull()
    expect(toRgbText(text)).toBe(text)
  })
})
