import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { BooError, ERROR_CODES, ERRORS, ErrorBody, toErrorBody } from "./errors.ts"

const page = readFileSync(new URL("../ERRORS.md", import.meta.url), "utf8")

describe("the error registry", () => {
  it("is the same table as ERRORS.md, in both directions", () => {
    const documented = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \| (yes|no) \| (.+) \|$/gm)].map(
      ([, code, status, retryable, message]) => ({ code, status: Number(status), retryable, message }),
    )
    const registered = ERROR_CODES.map((code) => {
      const { status, retryable, message } = ERRORS[code]
      return { code, status, retryable: retryable ? "yes" : "no", message }
    })
    expect(documented).toEqual(registered)
  })

  it("fills its message from the details and leaves what it does not know", () => {
    const error = new BooError("HOST_NOT_FOUND", { host: "attic", known: ["rack-01", "embedding"] })
    expect(error.message).toBe("No host attic. Known hosts: rack-01, embedding")
    expect(new BooError("HOST_NOT_FOUND", { known: [] }).message).toBe("No host {host}. Known hosts: none")
  })

  it("gives a body that readers can parse", () => {
    const body = toErrorBody(new BooError("BAD_REQUEST", { where: "limit", problem: "a number" }))
    expect(ErrorBody.parse(body)).toMatchObject({
      code: "BAD_REQUEST",
      origin: "hub",
      details: { where: "limit" },
    })
  })
})
