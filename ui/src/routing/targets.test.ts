import { RoutePolicy, RoutePolicyRow } from "@boocontrol/shared/route-policy"
import { expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { aTarget, targetScore } from "./examples-for-tests.ts"
import { policiesWith, priceWords, runningAt, targetFailure, targetState } from "./targets.ts"

const policy = (name: string, more: Record<string, unknown>) =>
  RoutePolicyRow.parse({
    ...{ name, version: 1, builtin: false, created_at: "2026-11-22T12:00:00.000Z", created_by: null },
    policy: RoutePolicy.parse({ name, rules: [{}], ...more }),
  })

it.each([
  [{ enabled: false }, [targetScore("a")], "switched off"],
  [{ has_credential: false }, [targetScore("a", { status: "offline" })], "no credential: nothing is sent"],
  [{ models: [] }, [], "no models: nothing is sent"],
  [{}, null, "not known yet"],
  [{}, [targetScore("a")], "ready"],
  [{}, [targetScore("a", { status: "unhealthy" })], "left alone after failures"],
  [
    {},
    [targetScore("a", { status: "unhealthy" }), targetScore("b")],
    "1 of 2 models left alone after failures",
  ],
  [{}, [targetScore("a", { provider_id: "other", status: "unhealthy" })], "not known yet"],
])("a target with %j is what its models are", (more, scores, text) => {
  expect(targetState(aTarget(more), scores).text).toBe(text)
})

it("says how many requests run there, and what its models cost", () => {
  expect(runningAt("deepseek", [targetScore("a")])).toBe(3)
  expect([runningAt("deepseek", null), runningAt("other", [targetScore("a")])]).toEqual([null, null])
  const [model] = aTarget({
    models: [{ id: "m", input_per_mtok: 0.27, output_per_mtok: 1.1, cached_input_per_mtok: 0.001 }],
  }).models
  expect(model && priceWords(model)).toBe("0.27 in, 1.10 out, 0.0010 cached")
})

it("names the policies of which it is a candidate, as the hub understands them", () => {
  const rows = [
    policy("by-name", { rules: [{}, { candidates: [{ models: ["x"] }, { targets: ["deepseek"] }] }] }),
    policy("by-pattern", { enabled: false, rules: [{ candidates: [{ targets: ["DEEP*"] }] }] }),
    policy("of-hosts", { rules: [{ candidates: [{ targets: ["deepseek"], hosts: ["box"] }] }] }),
    policy("other", { rules: [{ candidates: [{ targets: ["openai"] }] }] }),
    policy("any", {}),
  ]
  expect(policiesWith("deepseek", rows)).toEqual(["auto:by-name", "auto:by-pattern (switched off)"])
})

it("says which role it takes", () => {
  const refused = new ApiError("The token eyes may only read", { code: "READ_ONLY_TOKEN", status: 403 })
  expect(targetFailure(refused)).toContain(
    "may only read. Targets are changed with the administrator's token",
  )
})
