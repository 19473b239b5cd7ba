// @vitest-environment happy-dom
import { flushPromises } from "@vue/test-utils"
import { expect, it } from "vitest"
import { ApiError } from "../platform/api.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import SignIn from "./SignIn.vue"
import SignedIn from "./SignedIn.vue"
import { paletteActions } from "./actions.ts"
import { signedInWords } from "./signed-in.ts"

const ANN = { kind: "token", name: "ann", role: "read" } as const

async function signIn(token: string, answer: unknown) {
  const rig = cockpit()
  rig.api.answers.push(answer)
  const page = rig.show(SignIn)
  await page.get("input").setValue(token)
  await page.get("form").trigger("submit")
  await flushPromises()
  return { ...rig, page, problem: () => wordsOf(page.get("small")) }
}

it("sends the token as it was printed, and begins anew", async () => {
  const { api, begun, problem } = await signIn(" boo_abc\n", ANN)
  expect(api.asked).toEqual([{ path: "session", query: {}, body: { token: "boo_abc" } }])
  expect([problem(), begun()]).toEqual(["", 1])
})

it.each([
  ["UNAUTHORIZED", "A token is needed: send a header", "This is not the token of this hub"],
  ["TOKEN_REFUSED", "This token (ann) has expired: make one", "This token (ann) has expired: make one"],
  ["UNREACHABLE", "The hub does not answer", "The hub does not answer"],
])("says why it was not: %s", async (code, message, said) => {
  const { problem, begun, page } = await signIn("x", new ApiError(message, { code, status: 401 }))
  expect([problem(), begun()]).toEqual([said, 0])
  expect(page.get("input").attributes("aria-invalid")).toBe("true")
  expect(page.get("button").attributes("disabled")).toBeUndefined()
  await page.get("input").setValue("y")
  expect(problem()).toBe("")
})

it("asks nobody where nothing was typed", async () => {
  const { api, problem } = await signIn("  ", ANN)
  expect([problem(), api.asked]).toEqual(["Paste the token here", []])
})

it.each([
  [{ kind: "local", name: null, role: "admin" }, null],
  [{ kind: "anyone", name: null, role: null }, null],
  [{ kind: "administrator", name: null, role: "admin" }, "administrator"],
  [{ kind: "person", name: "eva", role: "admin" }, "eva"],
  [ANN, "ann, only reading"],
] as const)("names who is signed in: %j", (who, text) => {
  expect(signedInWords(who)?.text ?? null).toBe(text)
})

it("signs out where it signed in", async () => {
  const rig = cockpit()
  rig.api.answers.push(ANN)
  await rig.session.look()
  const line = rig.show(SignedIn)
  expect(wordsOf(line)).toBe("ann, only reading Sign out")
  await line.get("button").trigger("click")
  await flushPromises()
  expect(rig.api.asked.map(({ path }) => path)).toEqual(["session", "session"])
  expect(rig.begun()).toBe(1)
})

it("is in the palette of whoever may", () => {
  const titles = (maySignOut: boolean) =>
    paletteActions({ theme: "dark", density: "compact", query: {}, maySignOut }).map(({ title }) => title)
  expect([titles(true).includes("Sign out"), titles(false).includes("Sign out")]).toEqual([true, false])
})
