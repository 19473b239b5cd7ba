import { expect, it } from "vitest"
import { NewTarget, RouteTarget, TargetPatch } from "./routing.ts"

const model = { id: "m", input_per_mtok: 1, output_per_mtok: 2 }
const target = {
  ...{ target_id: "cloud", display_name: "Cloud", dialect: "openai", base_url: "https://api.example.com" },
  ...{ models: [model], credential: "sk-1" },
}

const refusalsOf = (given: object): unknown[] =>
  [NewTarget.safeParse({ ...target, ...given }), TargetPatch.safeParse(given)].map(
    ({ error }) => error?.issues[0]?.message ?? null,
  )

it.each([
  {},
  { base_url: "http://10.0.0.9:8080/openai/" },
  { base_url: "http://[::1]:8080" },
  { base_url: "https://käse.example" },
])("a target is made or changed with %j", (given) => {
  expect(refusalsOf(given)).toEqual([null, null])
})

const ADDRESS = "an http or https address without credentials, such as https://api.example.com"
it.each([
  [{ base_url: "ftp://example.com" }, ADDRESS],
  [{ base_url: "http://example.com:99999" }, ADDRESS],
  [{ base_url: "http://[bad" }, ADDRESS],
  [{ base_url: "http://me:secret@example.com" }, ADDRESS],
  [{ base_url: "https://api.example.com/v1" }, "the address before /v1, which is put behind it"],
  [{ base_url: "https://api.example.com/openai/v1/" }, "the address before /v1, which is put behind it"],
  [{ credential: "sk-1\n" }, "a key without blanks and line ends"],
  [{ credential: "sk 1" }, "a key without blanks and line ends"],
  [{ models: [model, { ...model, input_per_mtok: 9 }] }, "each model once"],
])("a target is neither made nor changed with %j: %s", (given, problem) => {
  expect(refusalsOf(given)).toEqual([problem, problem])
})

it("reads a target that was stored before addresses were looked at so closely", () => {
  const { credential: _, ...stored } = target
  const times = { created_at: "2026-01-01T00:00:00.000Z", updated_at: "2026-01-01T00:00:00.000Z" }
  const old = { ...stored, ...times, base_url: "https://a.example/v1", enabled: true, has_credential: true }
  expect(RouteTarget.safeParse({ ...old, max_concurrent: 16 }).success).toBe(true)
})
