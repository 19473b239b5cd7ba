import { describe, expect, it } from "vitest"
import { endpointOf, queryModel } from "./endpoints.ts"

it.each([
  ["POST", "/v1/chat/completions", "chat", "openai", "any"],
  ["POST", "/v1/completions", "completion", "openai", "any"],
  ["POST", "/v1/messages", "messages", "anthropic", "any"],
  ["POST", "/v1/messages/count_tokens?beta=true", "count_tokens", "anthropic", "any"],
  ["POST", "/v1/responses", "responses", "openai", "any"],
  ["POST", "/v1/embeddings", "embeddings", "openai", "any"],
  ["POST", "/v1/audio/speech", "speech", "openai", "any"],
  ["POST", "/v1/audio/voices", "voices", "openai", "any"],
  ["POST", "/v1/audio/transcriptions", "transcription", "openai", "any"],
  ["POST", "/v1/images/generations", "images", "openai", "any"],
  ["POST", "/v1/images/edits", "images", "openai", "any"],
  ["POST", "/v1/rerank", "rerank", "openai", "any"],
  ["POST", "/v1/reranking", "rerank", "openai", "any"],
  ["POST", "/rerank", "rerank", "openai", "host"],
  ["POST", "/reranking", "rerank", "openai", "host"],
  ["POST", "/infill", "infill", "openai", "host"],
  ["POST", "/completion", "completion", "openai", "host"],
  ["POST", "/sdapi/v1/txt2img", "images", "openai", "host"],
  ["POST", "/sdapi/v1/img2img", "images", "openai", "host"],
  ["POST", "/audioapi/v1/tasks/run", "other", "openai", "host"],
  ["POST", "/v/chat/completions", "chat", "openai", "host"],
  ["POST", "/v/messages", "messages", "anthropic", "host"],
  ["GET", "/v1/audio/voices?model=a", "voices", "openai", "any"],
  ["HEAD", "/v1/audio/voices?model=a", "voices", "openai", "any"],
  ["GET", "/sdapi/v1/loras?model=a", "other", "openai", "host"],
])("%s %s is forwarded as %s", (method, path, kind, api, servedBy) => {
  expect(endpointOf(method, path)).toEqual({ does: "forward", kind, api, path, servedBy, upstream: null })
})

describe("under /upstream", () => {
  it.each([
    ["POST", "/upstream/a/v1/chat/completions", "chat", "a", "/v1/chat/completions"],
    ["POST", "/upstream/org/a%20b/v1/messages?beta=true", "messages", "org/a b", "/v1/messages?beta=true"],
    ["POST", "/upstream/auto:code/v/chat/completions", "chat", "auto:code", "/v/chat/completions"],
    // The longest end that is a route: the name is not `a/v1`.
    ["POST", "/upstream/a/v1/rerank", "rerank", "a", "/v1/rerank"],
    ["POST", "/upstream/a/rerank", "rerank", "a", "/rerank"],
    [
      "POST",
      "/upstream/h/org/m/v1/messages/count_tokens",
      "count_tokens",
      "h/org/m",
      "/v1/messages/count_tokens",
    ],
    ["POST", "/upstream/a/audioapi/v1/tasks/run", "other", "a", "/audioapi/v1/tasks/run"],
    ["GET", "/upstream/a/v1/audio/voices", "voices", "a", "/v1/audio/voices"],
    ["POST", "/upstream/x/y/infill", "infill", "x/y", "/infill"],
  ])("%s %s is routed by the name in the path", (method, path, kind, model, rest) => {
    expect(endpointOf(method, path)).toMatchObject({
      ...{ does: "forward", kind, path, servedBy: "host", upstream: { model, rest } },
    })
  })

  it.each([
    ["GET", "/upstream/a/slots", "a", "/slots"],
    ["HEAD", "/upstream/a/health", "a", "/health"],
    ["GET", "/upstream/org/m/slots?fail_on_no_slot=1", "org/m", "/slots?fail_on_no_slot=1"],
    ["GET", "/upstream/a/v1/models", "a", "/v1/models"],
    ["GET", "/upstream/a/metrics", "a", "/metrics"],
    ["POST", "/upstream/a/tokenize", "a", "/tokenize"],
    ["POST", "/upstream/a/apply-template", "a", "/apply-template"],
  ])("%s %s goes only where it is loaded", (method, path, model, rest) => {
    expect(endpointOf(method, path)).toEqual({
      ...{ does: "forward", kind: "other", api: "openai", path, servedBy: "loaded" },
      upstream: { model, rest },
    })
  })

  it.each([
    ["GET", "/upstream/a/", null],
    ["GET", "/upstream/a/index.html", null],
    ["GET", "/upstream/a/bundle.js", null],
    ["POST", "/upstream/a/slots/0?action=erase", null],
    ["POST", "/upstream/a/props", "GET"],
    ["DELETE", "/upstream/a/slots", "GET"],
    ["GET", "/upstream/a/tokenize", "POST"],
    ["GET", "/upstream//slots", null],
    ["POST", "/upstream/v1/chat/completions", null],
    ["GET", `/upstream/${"a/".repeat(8_000)}`, null],
  ])("%s %s is refused, with what it takes", (method, path, allowed) => {
    expect(endpointOf(method, path)).toEqual({ does: "refuse", api: "openai", path, allowed })
  })
})

it.each(["/v1/models", "/v1/models/", "/models"])("GET %s lists what there is", (path) => {
  expect(endpointOf("GET", path)).toEqual({ does: "models", api: "openai", path, model: null })
})

it.each([
  ["/v1/models/auto:code", "auto:code"],
  ["/v1/models/org/a%20b", "org/a b"],
])("GET %s asks for one of them: %s", (path, model) => {
  expect(endpointOf("GET", path)).toEqual({ does: "models", api: "openai", path, model })
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
  ["/v1/chat/completions", "POST, OPTIONS"],
  ["/v1/messages", "POST, OPTIONS"],
  ["/v1/models", "GET, OPTIONS"],
  ["/models", "GET, OPTIONS"],
  ["/props?model=a", "GET, OPTIONS"],
  ["/v1/audio/voices", "GET, POST, OPTIONS"],
  ["/infill", "POST, OPTIONS"],
  ["/upstream/a/v1/chat/completions", "POST, OPTIONS"],
  ["/upstream/a/slots", "GET, OPTIONS"],
])("OPTIONS %s says what may be asked: %s", (path, allowed) => {
  expect(endpointOf("OPTIONS", path)).toEqual({ does: "preflight", api: "openai", path, allowed })
})

it.each([
  ["GET", "/v1/chat/completions", "openai", "POST"],
  ["GET", "/v1/messages", "anthropic", "POST"],
  ["PUT", "/v1/audio/voices", "openai", "GET, POST"],
  ["POST", "/v1/models", "openai", "GET"],
  ["POST", "/models", "openai", "GET"],
  ["GET", "/completion", "openai", "POST"],
  ["PUT", "/props?model=a", "openai", "GET"],
  ["GET", "/v/messages", "anthropic", "POST"],
  ["POST", "/v1/nothing", "openai", null],
  ["OPTIONS", "/v1/nothing", "openai", null],
])("%s %s is refused in the shape of %s", (method, path, api, allowed) => {
  expect(endpointOf(method, path)).toEqual({ does: "refuse", api, path, allowed })
})

it.each([
  ["GET", "/"],
  ["GET", "/api/control/fleet"],
  ["OPTIONS", "/api/control/fleet"],
  ["OPTIONS", "/api/control/keys"],
  ["OPTIONS", "/api/health"],
  ["OPTIONS", "/metrics"],
  ["OPTIONS", "/"],
  ["POST", "/api/control/keys"],
  ["GET", "/v10"],
  ["GET", "/v"],
  ["GET", "/upstream"],
  ["GET", "/slots"],
])("%s %s is not the gateway's", (method, path) => {
  expect(endpointOf(method, path)).toBeNull()
})

it("finds the model in a query", () => {
  expect(queryModel("/v1/audio/voices?x=1&model=a%2Fb")).toBe("a/b")
  expect(queryModel("/v1/audio/voices")).toBeNull()
})
