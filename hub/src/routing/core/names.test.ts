import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { loaded, routeHost, routeModel, routeTarget } from "../view-for-tests.ts"
import { collisionsOf, nameTable, resolveName } from "./names.ts"
import { providerOf } from "./view.ts"

const view = {
  hosts: [
    routeHost("alpha", [
      loaded("qwen/qwen3-8b", { aliases: ["gpt-4o-mini", "shared"] }),
      routeModel("org/deep/name"),
      routeModel("beta/remote", { isPeer: true }),
      routeModel("peer-only", { isPeer: true }),
      routeModel("cloud/big"),
    ]),
    routeHost("beta", [
      loaded("qwen/qwen3-8b"),
      routeModel("remote"),
      routeModel("other", { aliases: ["shared"] }),
    ]),
  ],
  targets: [routeTarget("cloud")],
}
const table = nameTable(view, ["auto", "code"])
const meaning = (name: string): string => {
  const { as, policy, places, problem } = resolveName(table, name)
  if (problem !== null) return `nothing: ${problem}`
  if (as === "policy") return `policy ${policy}`
  return `${as} ${places.map((place) => `${providerOf(place)}:${place.model.id}`).join(" ")}`
}

describe("what a model name means", () => {
  it.each([
    ["auto", "policy auto"],
    ["auto:code", "policy code"],
    ["auto:gone", "nothing: there is no policy gone"],
    ["qwen/qwen3-8b", "model alpha:qwen/qwen3-8b beta:qwen/qwen3-8b"],
    ["gpt-4o-mini", "model alpha:qwen/qwen3-8b"],
    ["org/deep/name", "model alpha:org/deep/name"],
    ["beta/qwen/qwen3-8b", "host beta:qwen/qwen3-8b"],
    ["alpha/gpt-4o-mini", "host alpha:qwen/qwen3-8b"],
    ["beta/gpt-4o-mini", "nothing: host beta has no model gpt-4o-mini"],
    ["alpha/remote", "nothing: host alpha has no model remote"],
    ["cloud/big", "model alpha:cloud/big"],
    ["cloud/none", "nothing: target cloud has no model none"],
    ["nowhere/qwen/qwen3-8b", "nothing: no host, policy or target knows nowhere/qwen/qwen3-8b"],
    ["peer-only", "nothing: no host, policy or target knows peer-only"],
    ["beta/remote", "host beta:remote"],
    ["", "nothing: no host, policy or target knows "],
  ])("%s is %s", (name, wanted) => expect(meaning(name)).toBe(wanted))

  it("says what a name would have meant too", () => {
    expect(resolveName(table, "cloud/big").collisions).toEqual(["big on target cloud"])
    expect(collisionsOf(table)).toEqual([
      { name: "cloud/big", means: ["model cloud/big", "big on target cloud"] },
      { name: "shared", means: ["model qwen/qwen3-8b", "model other"] },
    ])
  })

  it("never finds what a host only forwards to a peer, however it is asked for", () => {
    const name = fc.oneof(
      fc.constantFrom("peer-only", "alpha/peer-only", "alpha/beta/remote", "beta/remote"),
      fc.string(),
    )
    fc.assert(
      fc.property(name, (text) => {
        for (const { model } of resolveName(table, text).places)
          expect("isPeer" in model && model.isPeer).toBe(false)
      }),
    )
  })
})
