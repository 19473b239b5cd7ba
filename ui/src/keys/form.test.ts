import { NewGatewayKey } from "@boocontrol/shared/gateway"
import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { NOW } from "../test/examples.ts"
import { emptyForm, readForm } from "./form.ts"
import type { KeyForm } from "./form.ts"

const given = (more: Partial<KeyForm>): KeyForm => ({ ...emptyForm(), label: "boochat", ...more })

describe("the form of a new key", () => {
  it("asks for what was typed, and for nothing that was left empty", () => {
    expect(readForm(given({ label: " boochat " }), NOW)).toEqual({ body: { label: "boochat" } })
    const full = readForm(
      given({
        ...{ models: ["auto:*", "qwen*"], requests_per_min: "60", tokens_per_day: "2,000,000" },
        ...{ tokens_per_month: "9 000 000", money_per_month: "2.5", expires: "7 days" },
      }),
      NOW,
    )
    expect(full).toEqual({
      body: {
        ...{ label: "boochat", models: ["auto:*", "qwen*"], requests_per_min: 60 },
        ...{ tokens_per_day: 2_000_000, tokens_per_month: 9_000_000, money_per_month: 2.5 },
        expires_at: instantOf(NOW + 7 * 86_400_000),
      },
    })
    expect("body" in full && NewGatewayKey.safeParse(full.body).success).toBe(true)
  })

  it.each([
    ["label", "", "Give it a label: requests with this key are listed under it"],
    ["label", "My App!", "Only a-z, 0-9 and -, such as my-app"],
    ["label", "äö", "Only a-z, 0-9 and -"],
    ["label", "x".repeat(41), "At most 40 characters; these are 41"],
    ["requests_per_min", "1.5", "A whole number above 0, or nothing for no limit"],
    ["requests_per_min", "0", "A whole number above 0, or nothing for no limit"],
    ["requests_per_min", "3000000000", "At most 2,147,483,647; leave it empty for no limit"],
    ["tokens_per_day", "12,34", "A whole number above 0, or nothing for no limit"],
    ["money_per_day", "2,5", "Write it with a point and without commas, such as 2.5"],
    ["money_per_day", "-1", "A number above 0 such as 2.5, or nothing for no limit"],
    ["money_per_day", "0.0", "A number above 0 such as 2.5, or nothing for no limit"],
  ] as const)("says of %s %j: %s", (field, text, problem) => {
    expect(readForm(given({ [field]: text }), NOW)).toEqual({ problems: { [field]: problem } })
  })

  it("says what is wrong with a name of a model and with a day that is over, all at once", () => {
    const long = "m".repeat(301)
    const read = readForm(given({ models: [long], expires: "on", expires_on: instantOf(NOW - 60_000) }), NOW)
    expect(read).toEqual({
      problems: {
        models: `A name has at most 300 characters: ${"m".repeat(40)}… is longer`,
        expires_on: "That is over: a key that has expired opens nothing",
      },
    })
    expect(readForm(given({ expires: "on" }), NOW)).toEqual({
      problems: { expires_on: "Say on which day and at what time it ends" },
    })
  })
})
