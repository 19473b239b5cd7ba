// @vitest-environment happy-dom
import { expect, it } from "vitest"
import { aHost } from "../test/examples.ts"
import { cockpit, wordsOf } from "../test/mounted.ts"
import InflightPanel from "./InflightPanel.vue"

it.each([
  [{ inflight: [], inflight_total: 0 }, "Nothing is in flight.", false],
  [{ inflight: null, inflight_total: 2 }, "2 requests in flight.", true],
  [{ inflight: null, inflight_total: 0 }, "Nothing is in flight.", true],
  [{ inflight: null, inflight_total: null }, "What is in flight is not known.", false],
])("says of %o what is known", (known, words, unlisted) => {
  const host = aHost(known)
  const text = wordsOf(cockpit([host]).show(InflightPanel, { host }))
  expect(text).toContain(words)
  expect(text.includes("this engine does not list them")).toBe(unlisted)
})
