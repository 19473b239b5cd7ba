import { describe, expect, it } from "vitest"
import { replyHeaders, upstreamHeaders } from "./headers.ts"

const host = { isTarget: false, key: null, dialect: "openai", source: "boochat", requestId: "r1" } as const

describe("headers to a host", () => {
  it("are the client's, less what is of this connection and what is secret, plus who asks", () => {
    const raw = [
      ...[
        "Host",
        "hub:9503",
        "Content-Type",
        "application/json",
        "Connection",
        "keep-alive, X-Hop",
        "X-Hop",
        "1",
      ],
      ...["Keep-Alive", "timeout=5", "TE", "trailers", "Transfer-Encoding", "chunked", "Upgrade", "h2c"],
      ...[
        "Authorization",
        "Bearer secret",
        "X-Api-Key",
        "secret",
        "Cookie",
        "a=b",
        "Proxy-Authorization",
        "x",
      ],
      ...["X-Boo-Source", "evil", "X-Boo-Lease", "l;1", "X-Session-Id", "s", "Remote-User", "me"],
      // What came packed could not be looked into.
      ...["Accept-Encoding", "gzip, br"],
    ]
    expect(upstreamHeaders(raw, host)).toEqual([
      ...["Content-Type", "application/json", "X-Session-Id", "s"],
      ...["x-boo-source", "boochat", "x-boo-request-id", "r1"],
    ])
  })

  it("carry the host's own key in the place of the client's", () => {
    expect(upstreamHeaders(["authorization", "Bearer mine"], { ...host, key: "theirs" })).toEqual([
      ...["authorization", "Bearer theirs", "x-boo-source", "boochat", "x-boo-request-id", "r1"],
    ])
  })

  it("tell a frontier target nothing of this place", () => {
    const raw = [
      "X-Forwarded-For",
      "10.0.0.1",
      "X-Session-Id",
      "s",
      "anthropic-version",
      "2023-06-01",
      "Origin",
      "o",
    ]
    const target = { ...host, isTarget: true, key: "k", dialect: "anthropic" } as const
    expect(upstreamHeaders(raw, target)).toEqual(["anthropic-version", "2023-06-01", "x-api-key", "k"])
  })
})

describe("headers to the client", () => {
  it.each(["request-id", "x-request-id"])(
    "have what a provider says as %s under a name of its own",
    (name) => {
      expect(replyHeaders({ [name]: "req_011" }, [])).toEqual(["x-boo-upstream-request-id", "req_011"])
    },
  )

  it("are the host's, less what is of that connection, plus ours", () => {
    const headers = {
      ...{ "content-type": "text/event-stream", connection: "close, x-hop", "x-hop": "1", "keep-alive": "x" },
      ...{ "transfer-encoding": "chunked", "set-cookie": ["a", "b"], "x-boo-host": "forged" },
    }
    expect(replyHeaders(headers, ["x-boo-host", "a"])).toEqual([
      ...["content-type", "text/event-stream", "set-cookie", "a", "set-cookie", "b", "x-boo-host", "a"],
    ])
  })
})
