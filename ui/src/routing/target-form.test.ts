import { RouteTarget } from "@boocontrol/shared/routing"
import { describe, expect, it } from "vitest"
import { aTarget } from "./examples-for-tests.ts"
import { credentialWarning, patchOf, readTarget, targetForm } from "./target-form.ts"
import type { TargetForm } from "./target-form.ts"

const form = (more: Partial<TargetForm> = {}): TargetForm => ({ ...targetForm(aTarget()), ...more })
const [model] = targetForm(aTarget()).models
const withModel = (more: object): TargetForm => form({ models: model ? [{ ...model, ...more }] : [] })
function bodyOf(given: TargetForm) {
  const read = readTarget(given)
  if ("problems" in read) throw new Error(JSON.stringify(read.problems))
  return read.body
}

describe("the form of a target", () => {
  it("gives back what it was made of, the quality that it does not ask for included", () => {
    const { models, display_name, dialect, base_url, enabled, max_concurrent } = aTarget()
    expect(bodyOf(form())).toEqual({
      ...{ target_id: "deepseek", display_name, dialect, base_url, enabled, max_concurrent, models },
    })
    expect(models[0]?.quality).toEqual({ code: 0.8 })
  })

  it.each([
    [{ target_id: "" }, { target_id: "Give it an id: its models are asked for as id/model" }],
    [
      { target_id: "Deep Seek" },
      { target_id: "Only a-z, 0-9 and -, 40 characters at most, such as deep-seek" },
    ],
    [{ display_name: " " }, { display_name: "Give it a name to be read" }],
    [
      { base_url: "api.deepseek.com" },
      { base_url: "An http or https address without credentials, such as https://api.example.com" },
    ],
    [
      { base_url: "https://api.deepseek.com/v1" },
      { base_url: "The address before /v1, which is put behind it" },
    ],
    [{ credential: "sk two words" }, { credential: "A key without blanks and line ends" }],
    [{ max_concurrent: "0" }, { max_concurrent: "A whole number from 1 to 10,000" }],
  ])("says of %j: %j", (given, problems) => {
    expect(readTarget(form(given))).toEqual({ problems })
  })

  it.each([
    [{ id: " " }, { "0 id": "The provider's own name of it, or remove this model" }],
    [{ input: "0,27" }, { "0 input": "A price per million tokens, such as 0.27; 0 where it costs nothing" }],
    [{ output: "" }, { "0 output": "A price per million tokens, such as 0.27; 0 where it costs nothing" }],
    [{ context: "128k" }, { "0 context": "A whole number of tokens, or nothing" }],
  ])("says of a model with %j: %j", (given, problems) => {
    expect(readTarget(withModel(given))).toEqual({ problems })
  })

  it("takes each model once", () => {
    const twice = form({ models: model ? [model, { ...model, key: 7 }] : [] })
    expect(readTarget(twice)).toEqual({ problems: { "7 id": "It is there already" } })
  })
})

describe("a change of a target", () => {
  const patch = (given: TargetForm) => patchOf(aTarget(), given, bodyOf(given))

  it("holds what was changed, and the credential only where one was typed or taken away", () => {
    expect(patch(form())).toEqual({})
    expect(patch(form({ enabled: false, max_concurrent: "4" }))).toEqual({
      enabled: false,
      max_concurrent: 4,
    })
    expect(patch(withModel({ cached: "0.07" }))).toMatchObject({ models: [{ cached_input_per_mtok: 0.07 }] })
    expect(patch(form({ credential: "sk-new" }))).toEqual({ credential: "sk-new" })
    expect(patch(form({ dropsCredential: true }))).toEqual({ credential: null })
  })

  it("warns of a credential that goes to another address, or over an open line", () => {
    expect(credentialWarning(form(), aTarget())).toBeNull()
    expect(credentialWarning(form({ base_url: "https://other.example" }), aTarget())).toBe(
      "The credential that is kept goes to the new address from then on",
    )
    expect(
      credentialWarning(form({ base_url: "https://other.example", credential: "new" }), aTarget()),
    ).toBeNull()
    expect(credentialWarning(form({ base_url: "http://box", credential: "new" }), null)).toBe(
      "Over http anybody on the way can read the credential",
    )
    const bare = RouteTarget.parse({ ...aTarget(), has_credential: false })
    expect(credentialWarning(form({ base_url: "http://box" }), bare)).toBeNull()
  })
})
