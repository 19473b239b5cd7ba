import { expect, it } from "vitest"
import { createCaptureStore } from "./captures.ts"

const text = (bytes: number) => ({
  path: "/v1/chat/completions",
  requestHeaders: {},
  responseHeaders: {},
  requestBody: () => '{"model":"m"}',
  responseBody: null,
  bytes,
})

it("drops the oldest captures when the budget is used up", () => {
  const store = createCaptureStore(100)
  for (const id of [1, 2, 3]) store.add(id, text(40))
  expect([1, 2, 3].map((id) => store.has(id))).toEqual([false, true, true])
})

it("does not keep what is larger than the whole budget", () => {
  const store = createCaptureStore(100)
  store.add(1, text(10))
  expect(store.add(2, text(101))).toBe(false)
  expect(store.has(1)).toBe(true)
})

it("gives bodies in base64 and null where there is none", () => {
  const store = createCaptureStore(100)
  store.add(1, text(10))
  const capture = store.get(1)
  expect(Buffer.from(capture?.req_body ?? "", "base64").toString()).toBe('{"model":"m"}')
  expect(capture?.resp_body).toBeNull()
})
