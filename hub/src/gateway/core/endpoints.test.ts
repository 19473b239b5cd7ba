import { expect, it } from "vitest"
import { endpointOf, queryModel } from "./endpoints.ts"

it.each([
  ["POST", "/v1/chat/completions", "chat", "openai"],
  ["POST", "/v1/messages", "messages", "anthropic"],
  ["POST", "/v1/messages/count_tokens?beta=true", "count_tokens", "anthropic"],
  ["POST", "/v1/responses", "responses", "openai"],
  ["POST", "/v1/audio/transcriptions", "transcription", "openai"],
  ["POST", "/v1/rerank", "rerank", "openai"],
  ["POST", "/rerank", "rerank", "openai"],
  ["POST", "/infill", "infill", "openai"],
  ["POST", "/v/chat/completions", "chat", "openai"],
  ["GET", "/v1/audio/voices?model=a", "voices", "openai"],
])("%s %s is forwarded as %s", (method, path, kind, api) => {
  expect(endpointOf(method, path)).toEqual({ does: "forward", kind, api, path })
})

it.each([
  ["/upstream/a/props", "a"],
  ["/upstream/org/a%20b/props", "org/a b"],
  ["/upstream/auto:code/props?x=1", "auto:code"],
  ["/props?model=host%2Fm", "host/m"],
  ["/props", ""],
  ["/upstream/%zz/props", "%zz"],
])("GET %s asks what is known of %s", (path, model) => {
  expect(endpointOf("GET", path)).toEqual({ does: "props", api: "openai", path, model })
})

it.each([
  ["GET", "/v1/chat/completions", "openai", "POST"],
  ["GET", "/v1/messages", "anthropic", "POST"],
  ["POST", "/v1/models", "openai", "GET"],
  ["POST", "/v1/nothing", "openai", null],
  ["GET", "/upstream/a/slots", "openai", null],
])("%s %s is refused in the shape of %s", (method, path, api, allowed) => {
  expect(endpointOf(method, path)).toEqual({ does: "refuse", api, path, allowed })
})

it.each([
  ["GET", "/"],
  ["GET", "/models"],
  ["GET", "/api/control/fleet"],
  ["POST", "/api/control/keys"],
  ["GET", "/v10"],
  ["GET", "/completion"],
])("%s %s is not the gateway's", (method, path) => {
  expect(endpointOf(method, path)).toBeNull()
})

it("finds the model in a query", () => {
  expect(queryModel("/v1/audio/voices?x=1&model=a%2Fb")).toBe("a/b")
  expect(queryModel("/v1/audio/voices")).toBeNull()
})
