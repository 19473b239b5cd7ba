import { describe, expect, it } from "vitest"
import { aHost, aModel } from "../test/examples.ts"
import { PAGES } from "./pages.ts"
import { paletteEntries } from "./palette.ts"

const hosts = [
  aHost({
    provider_id: "sam-desktop",
    display_name: "sam-desktop",
    gpu_label: "RTX 5090",
    models: [aModel({ id: "qwen3-8b" })],
  }),
  aHost({
    provider_id: "rack-01",
    display_name: "rack-01",
    models: [aModel({ id: "qwen3-8b" }), aModel({ id: "far", peer: "x" })],
  }),
]
const titles = (text: string) => paletteEntries(hosts, text).map(({ title }) => title)

describe("the palette", () => {
  it("offers pages, hosts and each model once", () => {
    expect(PAGES.length).toBeGreaterThan(2)
    expect(titles("")).toEqual([...PAGES.map(({ title }) => title), "sam-desktop", "rack-01", "qwen3-8b"])
  })

  it.each([
    ["rac", ["rack-01", "qwen3-8b"]],
    ["5090", ["sam-desktop"]],
    ["qwen", ["qwen3-8b"]],
    ["RACK linux", ["rack-01"]],
    ["zzz", []],
  ])("finds %j", (text, expected) => expect(titles(text)).toEqual(expected))

  it("leads to the requests of a model", () => {
    expect(paletteEntries(hosts, "qwen")[0]).toMatchObject({
      to: { name: "activity", query: { model: "qwen3-8b" } },
    })
  })
})
