import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { HIDDEN, redactHeader, redactSecrets } from "./redact.ts"

const HEX = "0123456789abcdef".split("")
const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"

describe("secrets in a text", () => {
  it.each([
    ["an authorization header", `authorization: Bearer abc123def456ghi`, "authorization: Bearer [REDACTED]"],
    ["a bearer in a sentence", "use bearer abc123def456ghi789 for it", "use bearer [REDACTED] for it"],
    ["a key in JSON", '{"api_key":"hello-world-1","n":1}', '{"api_key":"[REDACTED]","n":1}'],
    [
      "a key in JSON within JSON",
      String.raw`"{\"password\": \"hunter22\"}"`,
      String.raw`"{\"password\": \"[REDACTED]\"}"`,
    ],
    ["a key in an environment", "OPENAI_API_KEY=sk-proj-abc123DEF456", "OPENAI_API_KEY=[REDACTED]"],
    ["a key by its prefix", "my key is sk-abc123def456, ok?", "my key is [REDACTED], ok?"],
    ["a token of GitHub", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", HIDDEN],
    ["a token of Hugging Face", "hf_abcDEF123456789", HIDDEN],
    ["a key of AWS", "AKIAIOSFODNN7EXAMPLE", HIDDEN],
    ["a JSON web token", `got ${JWT} back`, "got [REDACTED] back"],
    ["cookies", "Cookie: session=1; theme=dark\nHost: x", "Cookie: [REDACTED]\nHost: x"],
    ["a password in an address", "postgres://boo:s3cret@db/boo", "postgres://boo:[REDACTED]@db/boo"],
    [
      "a key on a command line",
      "llama-server --api-key hunter2hunter2 -m x",
      "llama-server --api-key [REDACTED] -m x",
    ],
    ["a private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", HIDDEN],
  ])("%s is taken out", (_, text, clean) => {
    expect(redactSecrets(text)).toEqual({ text: clean, count: 1 })
  })

  it.each([
    "max_tokens: 4096, prompt_tokens 12",
    "a basic understanding of bearer bonds",
    "the skeleton key_of_david and sk-short",
    "hf_hub_download is a function",
    "https://example.org:8080/path",
    "password: no",
    "What is a cookie?",
    "--api-key <your key> --token $TOKEN",
    "the token is 'the'",
    '{"temperature":0.2,"stop":["```"]}',
  ])("%j stays as it is", (text) => {
    expect(redactSecrets(text)).toEqual({ text, count: 0 })
  })

  it("are gone wherever they stand, and what is around them stays", () => {
    const around = fc
      .string({ maxLength: 40 })
      .filter((text) => !/[\w\-.~+/=\\:@'"]$|^[\w\-.~+/=]/.test(text))
    const secret = fc
      .string({ unit: fc.constantFrom(...HEX), minLength: 20, maxLength: 60 })
      .map((hex) => `sk-a1${hex}`)
    fc.assert(
      fc.property(around, secret, around, (before, key, behind) => {
        const { text } = redactSecrets(`${before} ${key} ${behind}`)
        expect(text).not.toContain(key)
      }),
    )
  })

  it("are taken out once: a clean text stays as it is", () => {
    const pieces = fc.array(
      fc.constantFrom(
        "api_key=",
        "Bearer ",
        "sk-abc123def456 ",
        JWT,
        "cookie: ",
        '"',
        " ",
        "x1y2z3a4b5c6d7",
        "\n",
      ),
    )
    fc.assert(
      fc.property(pieces, (parts) => {
        const once = redactSecrets(parts.join("")).text
        expect(redactSecrets(once).text).toBe(once)
      }),
    )
  })
})

/** Its own processor time: a busy machine adds nothing to it. */
function cpuMs(text: string): number {
  const before = process.threadCpuUsage()
  redactSecrets(text)
  return process.threadCpuUsage(before).user / 1_000
}

describe("a text made to take long", () => {
  const size = 256 * 1024
  const worst = [
    ...["api_key", "authorization: ", "cookie=", "bearer ", "Bearer a", "sk-", "sk_a", "eyJaaaaaaaaaa-"],
    ...["-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "a://b:", "http://a:b", 'password\\"', "=", " ", "eyJ"],
    ...["api_key        ", "cookie: \\", "x-api-key:::", "token ", "AIza", "a1", "-", "_"],
  ]
  it.each(worst)("of %j takes no longer than any other", (piece) => {
    expect(cpuMs(piece.repeat(Math.ceil(size / piece.length)))).toBeLessThan(2_000)
  })

  it("of any few pieces, repeated, takes no longer either", () => {
    const pieces = fc.array(fc.constantFrom(...worst), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(pieces, (some) => {
        const piece = some.join("")
        expect(cpuMs(piece.repeat(Math.ceil(size / 4 / piece.length)))).toBeLessThan(2_000)
      }),
      { numRuns: 40 },
    )
  })
})

describe("a header", () => {
  it.each([
    ["Authorization", "Bearer x", HIDDEN],
    ["X-Api-Key", "anything", HIDDEN],
    ["Cookie", "a=b", HIDDEN],
    ["X-Custom", "Bearer abc", HIDDEN],
    ["X-Custom", "sk-abcdefgh1", HIDDEN],
    ["User-Agent", "curl/8", "curl/8"],
    ["X-Boo-Source", "boochat", "boochat"],
  ])("%s: %s is kept as %s", (name, value, kept) => {
    expect(redactHeader(name, value)).toBe(kept)
  })
})
