import { instantOf } from "@boocontrol/shared/time"
import { describe, expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { NOW } from "../test/examples.ts"
import { aKey } from "./examples-for-tests.ts"
import {
  exampleModel,
  examplesOf,
  expiryWords,
  failureWords,
  makingFailureWords,
  money,
  sortedKeys,
  unmatched,
  usageOf,
  userWords,
} from "./view.ts"

const ago = (ms: number) => instantOf(NOW - ms)

describe("keys", () => {
  it("stand in the order of their last use, those that open nothing behind", () => {
    const keys = [
      aKey("revoked", { revoked_at: ago(1), last_used_at: ago(1) }),
      aKey("expired", { expires_at: ago(0), last_used_at: ago(1) }),
      aKey("old", { created_at: ago(9_000) }),
      aKey("new", { created_at: ago(1_000) }),
      aKey("busy", { last_used_at: ago(5), expires_at: instantOf(NOW + 1) }),
    ]
    expect(sortedKeys(keys, NOW).map(({ label }) => label)).toEqual([
      ...["busy", "new", "old", "expired", "revoked"],
    ])
  })

  it("say what is used of what may be, and what was used where nothing bounds it", () => {
    const used = { requests_minute: 1, tokens_day: 850, tokens_month: 850, money_day: 0.004, money_month: 2 }
    const key = aKey("x", {
      ...{ requests_per_min: 1, tokens_per_min: 100, tokens_per_day: 1_000, money_per_month: 5 },
      used,
    })
    expect(usageOf(key)).toEqual({
      minute: [
        { what: "requests", text: "1 of 1", share: 1, tone: "bad" },
        { what: "tokens", text: "0 of 100", share: 0, tone: "ok" },
      ],
      day: [
        { what: "tokens", text: "850 of 1,000", share: 0.85, tone: "warn" },
        { what: "money", text: "0.004", share: null, tone: "idle" },
      ],
      month: [
        { what: "tokens", text: "850", share: null, tone: "idle" },
        { what: "money", text: "2.00 of 5.00", share: 0.4, tone: "ok" },
      ],
    })
    expect(usageOf(aKey("unused"))).toEqual({ minute: [], day: [], month: [] })
    expect([0, 0.000_002, 12.5].map(money)).toEqual(["0", "0.000002", "12.50"])
  })

  it.each([
    [null, null],
    [12 * 86_400_000, "in 12d"],
    [-3 * 86_400_000, "expired 3 days ago"],
    [0, "expired just now"],
  ])("that expire %j ms from now say %j", (ms, words) => {
    expect(expiryWords(aKey("x", { expires_at: ms === null ? null : instantOf(NOW + ms) }), NOW)).toBe(words)
  })

  it("tell who used them as far as it is known", () => {
    expect(userWords(null)).toBeNull()
    expect(userWords({ source: "boochat", client_ip: null, user_agent: null })).toBe("boochat")
    expect(userWords({ source: "a", client_ip: "10.0.0.7", user_agent: "OpenAI/JS 4.1 (x)" })).toBe(
      "a from 10.0.0.7, OpenAI/JS",
    )
  })
})

describe("models of a key", () => {
  const names = ["auto", "auto:code", "qwen3-8b"]
  it("that nothing is named now are told, unless nobody knows what there is", () => {
    expect(unmatched(["auto:*", "qwne*", "*8b"], names)).toEqual(["qwne*"])
    expect(unmatched(["qwne*"], [])).toEqual([])
  })

  it.each([
    [null, "auto"],
    [["nothing*", "qwen*"], "qwen3-8b"],
    [["*-70b", "llama"], "llama"],
    [["*-70b"], "*-70b"],
  ])("%j give %s for an example", (models, model) => {
    expect(exampleModel({ models }, names)).toBe(model)
  })
})

it("writes examples that can be pasted", () => {
  const { env, curl } = examplesOf({ url: "http://hub:9503", key: "boo-k", model: "it's" })
  expect(env).toBe("export OPENAI_BASE_URL=http://hub:9503/v1\nexport OPENAI_API_KEY=boo-k")
  expect(curl).toContain("curl http://hub:9503/v1/chat/completions \\\n  -H 'authorization: Bearer boo-k'")
  expect(curl).toContain(String.raw`"model":"it'\''s"`)
})

it("says which role it takes, and that a key may be there though no answer came", () => {
  const refused = new ApiError("The token eyes may only read", { code: "READ_ONLY_TOKEN", status: 403 })
  expect(failureWords(refused)).toContain("may only read. Keys are shown to tokens of role read; making")
  expect(makingFailureWords(refused)).not.toContain("may have been made")
  const gone = new ApiError("The hub does not answer", { code: "UNREACHABLE", status: null })
  expect(failureWords(gone)).toBe("The hub does not answer")
  expect(makingFailureWords(gone)).toContain("The key may have been made all the same")
  expect(failureWords(new Error("?"))).toBe("It failed for a reason this page does not know")
})
