import { describe, expect, it } from "vitest"
import { EARLY, attempt, ready, stage } from "../../test/routing-stage.ts"

describe("when to ask again", () => {
  it("is never, where all who could serve it are switched off or have no credential", () => {
    const { host, target, ask } = stage()
    host("off", [ready("m")], { enabled: false })
    target("cloud", 1, { has_credential: false })
    for (const model of ["m", "off/m", "cloud/big", "auto"])
      expect([model, ask({ model }).next()]).toMatchObject([model, { code: "offline", retryAfterS: null }])
  })

  it("is soon, where one of them may come back, is leased, or fails by what passes", () => {
    const { host, ask } = stage()
    host("off", [ready("m")], { enabled: false })
    host("away", [ready("m")], { liveness: "down" })
    expect(ask().next()).toMatchObject({ code: "offline", retryAfterS: 2 })
    host("a", [ready("m")])
    const one = ask()
    attempt(one.next()).failed({ kind: "reset", status: null, detail: "", ...EARLY })
    expect(one.next()).toMatchObject({ code: "unhealthy", retryAfterS: 2 })
  })

  it.each([
    ["tls", null, null],
    ["status", 401, null],
    ["status", 402, null],
    ["status", 403, 2],
    ["status", 503, 2],
  ])("after %s %s of the only one is %s", (kind, status, retryAfterS) => {
    const { target, ask } = stage()
    target("cloud", 2)
    const one = ask({ model: "cloud/big" })
    attempt(one.next()).failed({ kind, status, detail: "", ...EARLY })
    expect(one.next()).toMatchObject({ code: "unhealthy", retryAfterS })
  })
})
