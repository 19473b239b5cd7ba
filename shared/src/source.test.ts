import { describe, expect, it } from "vitest"
import { withBooSource } from "./source.ts"

type Init = { headers?: unknown; method?: string }
function recording() {
  const calls: { input: unknown; init: Init | undefined }[] = []
  const fetch = async (input: unknown, init?: Init): Promise<string> => {
    calls.push({ input, init })
    return "reply"
  }
  return { calls, fetch }
}

describe("a fetch that says who asks", () => {
  it.each([
    ["nothing", undefined],
    ["an object", { accept: "x" }],
    ["pairs", [["accept", "x"]]],
    ["Headers", new Headers({ accept: "x" })],
  ])("puts its label beside %s", async (_name, headers) => {
    const { calls, fetch } = recording()
    await expect(withBooSource(fetch, "titles")("u", { method: "POST", headers })).resolves.toBe("reply")
    expect(calls[0]?.init).toEqual({
      method: "POST",
      headers: { ...(headers !== undefined && { accept: "x" }), "x-boo-source": "titles" },
    })
  })

  it("leaves a label that the call brings, however it is written", async () => {
    const { calls, fetch } = recording()
    await withBooSource(fetch, "titles")("u", { headers: { "X-Boo-Source": "arena" } })
    expect(calls[0]?.init).toEqual({ headers: { "X-Boo-Source": "arena" } })
  })

  it("keeps the headers of a Request, and changes nothing that others share", async () => {
    const { calls, fetch } = recording()
    const shared = { headers: { a: "b" } }
    const [one, two] = [withBooSource(fetch, "one"), withBooSource(fetch, "two")]
    await Promise.all([
      one("u", shared),
      two("u", shared),
      one(new Request("http://x", { headers: { c: "d" } })),
    ])
    expect(shared).toEqual({ headers: { a: "b" } })
    expect(calls.map(({ init }) => init?.headers)).toEqual([
      { a: "b", "x-boo-source": "one" },
      { a: "b", "x-boo-source": "two" },
      { c: "d", "x-boo-source": "one" },
    ])
  })

  it("refuses a label that the gateway would refuse", () => {
    expect(() => withBooSource(recording().fetch, "Not a label")).toThrow("Invalid")
  })
})
