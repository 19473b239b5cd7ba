import { describe, expect, it } from "vitest"
import { sparkShape } from "./spark-shape.ts"

const WINDOW = { endMs: 300_000, windowMs: 300_000, max: 100 }
const every = (fromMs: number, toMs: number, value: number | null = 50) =>
  Array.from({ length: (toMs - fromMs) / 1000 + 1 }, (_, n) => ({ t: fromMs + n * 1000, value }))

describe("the shape of a sparkline", () => {
  it("is one line over the whole width where everything was measured", () => {
    const shape = sparkShape(every(0, 300_000), WINDOW)
    expect(shape.holes).toEqual([])
    expect(shape.line.match(/M/g)).toHaveLength(1)
    expect(shape.line).toMatch(/^M0 .*L150 [\d.]+$/)
  })

  it("breaks the line at a hole and hatches it", () => {
    const shape = sparkShape([...every(0, 100_000), ...every(160_000, 300_000)], WINDOW)
    expect(shape.line.match(/M/g)).toHaveLength(2)
    expect(shape.holes).toEqual([{ x: 50, width: 30 }])
  })

  it("hatches what came before the first and after the last reading", () => {
    const shape = sparkShape(every(100_000, 200_000), WINDOW)
    expect(shape.holes).toEqual([
      { x: 0, width: 50 },
      { x: 100, width: 50 },
    ])
  })

  it("draws nothing where no value is known, all of it hatched", () => {
    expect(sparkShape(every(0, 300_000, null), WINDOW)).toEqual({
      line: "",
      area: "",
      holes: [{ x: 0, width: 150 }],
    })
  })

  it("keeps values on the field", () => {
    const shape = sparkShape(
      [
        { t: 299_000, value: 250 },
        { t: 300_000, value: -5 },
      ],
      WINDOW,
    )
    expect(shape.line).toBe("M149.5 3L150 49")
  })
})
