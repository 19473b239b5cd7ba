import { describe, expect, it } from "vitest"
import { plotOf } from "./plot.ts"
import { trendOf } from "./trend.ts"
import type { Reading } from "./trend.ts"

/** An hour, a reading every five seconds. */
const hour = (mibAt: (atS: number) => number): Reading[] =>
  Array.from({ length: 720 }, (_, n) => ({ atS: n * 5, mib: mibAt(n * 5) }))

describe("the trend of a soak", () => {
  it("finds a slope that is there, though the heap goes up and down", () => {
    const { perHour, noise } = trendOf(hour((atS) => 100 + atS / 360 + 4 * Math.sin(atS / 7)))
    expect(perHour).toBeCloseTo(10, 0)
    expect(noise).toBeLessThan(2)
  })

  it("finds none within the noise where there is none", () => {
    const { perHour, noise, median, max } = trendOf(hour((atS) => 100 + 5 * Math.sin(atS / 200)))
    expect(Math.abs(perHour)).toBeLessThan(noise)
    expect(median).toBeCloseTo(100, 0)
    expect(max).toBeCloseTo(105, 0)
  })
})

describe("the plot of a soak", () => {
  it("is one picture with a line per series, its scale from zero", () => {
    const svg = plotOf({
      title: "200 hosts",
      panels: [{ title: "hub", series: [{ name: "RSS", readings: hour(() => 150) }] }],
    })
    expect(svg).toMatch(/^<svg [^>]*viewBox/)
    expect(svg.match(/<polyline/g)).toHaveLength(1)
    for (const text of ["200 hosts", "hub", "RSS", ">0<", "60 min"]) expect(svg).toContain(text)
    expect(svg).not.toContain("NaN")
  })
})
