import { describe, expect, it } from "vitest"
import { judge } from "./core.ts"
import type { AccessRules, Asking, Verdict } from "./core.ts"

const ASKING: Asking = {
  ...{ method: "GET", path: "/api/control/fleet", host: "127.0.0.1:9503", forwardedHost: null, origin: null },
  ...{ contentType: null, hasBody: false, tokenGiven: false, tokenIsRight: false },
  ...{ remoteUser: null, remoteGroups: null, remoteAddress: "127.0.0.1", localAddress: "127.0.0.1" },
  fromTrustedProxy: false,
}
const OPEN: AccessRules = { listenHost: "127.0.0.1", machineName: "den", hasToken: false, hasProxies: false }
const WITH_TOKEN: AccessRules = { ...OPEN, listenHost: "0.0.0.0", hasToken: true }
const WITH_PROXY: AccessRules = { ...OPEN, listenHost: "0.0.0.0", hasProxies: true }
const BEHIND_PROXY = { fromTrustedProxy: true, remoteAddress: "10.0.0.1", host: "boo.example.org" }

const STRANGE = { origin: "http://evil.example.org", path: "/v1" }

const shown = (verdict: Verdict): string => (verdict.ok ? verdict.actor.kind : verdict.code)

type Case = [what: string, verdict: string, asking: Partial<Asking>, rules?: AccessRules]

describe("the Host header", () => {
  const cases: Case[] = [
    ["of the loopback address", "local", {}],
    ["localhost", "local", { host: "localhost:9503" }],
    ["IPv6 loopback", "local", { host: "[::1]:9503" }],
    ["in capitals and with a dot at its end", "local", { host: "LocalHost.:9503" }],
    ["of another name that points here", "HOST_REFUSED", { host: "evil.example.org:9503" }],
    ["that only begins like ours", "HOST_REFUSED", { host: "localhost.evil.example.org" }],
    ["that is missing", "HOST_REFUSED", { host: null }],
    ["that is no host", "HOST_REFUSED", { host: "a b" }],
    [
      "of the address the connection came in on",
      "administrator",
      { host: "10.0.0.5:9503", localAddress: "10.0.0.5", tokenGiven: true, tokenIsRight: true },
      WITH_TOKEN,
    ],
    [
      "of an address that is not ours",
      "HOST_REFUSED",
      { host: "10.0.0.6:9503", localAddress: "10.0.0.5", tokenGiven: true, tokenIsRight: true },
      WITH_TOKEN,
    ],
    [
      "of this machine's name",
      "administrator",
      { host: "DEN:9503", tokenGiven: true, tokenIsRight: true },
      WITH_TOKEN,
    ],
    ["of any name, through the trusted proxy", "person", { ...BEHIND_PROXY, remoteUser: "ann" }, WITH_PROXY],
  ]
  it.each(cases)("%s: %s", (_what, verdict, asking, rules = OPEN) => {
    expect(shown(judge({ ...ASKING, ...asking }, rules))).toBe(verdict)
  })
})

describe("the Origin header", () => {
  const cases: Case[] = [
    ["of the address itself", "local", { origin: "http://127.0.0.1:9503" }],
    ["of another port", "ORIGIN_REFUSED", { origin: "http://127.0.0.1:8080" }],
    ["of another host", "ORIGIN_REFUSED", { origin: "http://evil.example.org" }],
    ["of a page without an address", "ORIGIN_REFUSED", { origin: "null" }],
    [
      "of another host on a WebSocket",
      "ORIGIN_REFUSED",
      { origin: "http://evil.example.org", path: "/api/control/ws" },
    ],
    ["of a guest of the gateway", "local", { ...STRANGE, isGuestOrigin: true }],
    ["of a guest, where a token is needed", "UNAUTHORIZED", { ...STRANGE, isGuestOrigin: true }, WITH_TOKEN],
    [
      "of a guest, with a gateway key",
      "anyone",
      { ...STRANGE, isGuestOrigin: true, hasGatewayKey: true },
      WITH_TOKEN,
    ],
    [
      "of a guest, to a name that is not ours",
      "HOST_REFUSED",
      { ...STRANGE, isGuestOrigin: true, host: "evil.example.org" },
    ],
    ["of nobody's guest, with a gateway key", "ORIGIN_REFUSED", { ...STRANGE, hasGatewayKey: true }],
    [
      "of nobody's guest, with the token",
      "ORIGIN_REFUSED",
      { ...STRANGE, tokenGiven: true, tokenIsRight: true },
      WITH_TOKEN,
    ],
    ["of another host on a file", "ORIGIN_REFUSED", { origin: "http://evil.example.org", path: "/*" }],
    [
      "without the default port",
      "person",
      { ...BEHIND_PROXY, host: "boo.example.org:443", origin: "https://boo.example.org", remoteUser: "ann" },
      WITH_PROXY,
    ],
    [
      "of the address the proxy was asked for",
      "person",
      {
        ...BEHIND_PROXY,
        host: "hub:9503",
        forwardedHost: "boo.example.org",
        origin: "https://boo.example.org",
        remoteUser: "ann",
      },
      WITH_PROXY,
    ],
    [
      "of an address that anybody says he was asked for",
      "ORIGIN_REFUSED",
      { forwardedHost: "evil.example.org", origin: "http://evil.example.org" },
    ],
  ]
  it.each(cases)("%s: %s", (_what, verdict, asking, rules = OPEN) => {
    expect(shown(judge({ ...ASKING, ...asking }, rules))).toBe(verdict)
  })
})

describe("a write", () => {
  const json = { contentType: "application/json", hasBody: true }
  const cases: Case[] = [
    ["of JSON", "local", { method: "POST", ...json }],
    ["of JSON with a charset", "local", { method: "PUT", contentType: "application/json; charset=utf-8" }],
    ["as a form can send it", "JSON_REQUIRED", { method: "POST", contentType: "text/plain", hasBody: true }],
    [
      "that only names JSON",
      "JSON_REQUIRED",
      { method: "POST", contentType: "text/plain; application/json" },
    ],
    ["without a type", "JSON_REQUIRED", { method: "PATCH" }],
    [
      "of another type with DELETE",
      "JSON_REQUIRED",
      { method: "DELETE", contentType: "text/plain", hasBody: true },
    ],
    ["that deletes, without a body", "local", { method: "DELETE" }],
    [
      "below /v1, where audio is sent as a form",
      "local",
      { method: "POST", path: "/v1/audio/transcriptions", contentType: "multipart/form-data", hasBody: true },
    ],
  ]
  it.each(cases)("%s: %s", (_what, verdict, asking, rules = OPEN) => {
    expect(shown(judge({ ...ASKING, ...asking }, rules))).toBe(verdict)
  })
})

describe("who somebody is", () => {
  const cases: Case[] = [
    ["said by anybody", "PROXY_HEADER_REFUSED", { remoteUser: "admin" }],
    ["said by anybody, only a group", "PROXY_HEADER_REFUSED", { remoteGroups: "admins" }],
    ["said from loopback with a proxy set", "PROXY_HEADER_REFUSED", { remoteUser: "admin" }, WITH_PROXY],
    ["said by the proxy", "person", { ...BEHIND_PROXY, remoteUser: "ann" }, WITH_PROXY],
    ["not said by the proxy", "UNAUTHORIZED", { ...BEHIND_PROXY }, WITH_PROXY],
    ["from loopback with a proxy set", "UNAUTHORIZED", {}, WITH_PROXY],
    ["from loopback with a token set", "UNAUTHORIZED", {}, WITH_TOKEN],
    ["with the token", "administrator", { tokenGiven: true, tokenIsRight: true }, WITH_TOKEN],
    ["with a wrong token", "UNAUTHORIZED", { tokenGiven: true }, WITH_TOKEN],
    [
      "with a wrong token on the proxy's word",
      "UNAUTHORIZED",
      { ...BEHIND_PROXY, remoteUser: "ann", tokenGiven: true },
      { ...WITH_PROXY, hasToken: true },
    ],
    ["with a token where none is set", "local", { tokenGiven: true }],
    ["a probe", "anyone", { path: "/api/health" }, WITH_TOKEN],
    ["somebody who loads the cockpit to sign in", "anyone", { path: "/*" }, WITH_TOKEN],
    [
      "somebody who reads the API's description",
      "anyone",
      { path: "/api/docs/static/index.html" },
      WITH_TOKEN,
    ],
    ["somebody who asks for metrics", "UNAUTHORIZED", { path: "/metrics" }, WITH_TOKEN],
    ["a client of the gateway", "UNAUTHORIZED", { path: "/v1/models" }, WITH_TOKEN],
    ["a socket", "UNAUTHORIZED", { path: "/api/control/ws" }, WITH_TOKEN],
    [
      "a machine that is to be enrolled",
      "anyone",
      { method: "POST", path: "/api/control/enroll", contentType: "application/json" },
      WITH_TOKEN,
    ],
    ["a writer of nothing", "UNAUTHORIZED", { method: "POST", path: "/*" }, WITH_TOKEN],
  ]
  it.each(cases)("%s: %s", (_what, verdict, asking, rules = OPEN) => {
    expect(shown(judge({ ...ASKING, ...asking }, rules))).toBe(verdict)
  })

  const may = (role: "admin" | "read") => ({ named: { ok: true, label: "ann", role } as const })
  const json = { method: "POST", contentType: "application/json" }
  const named: Case[] = [
    ["a named token that reads", "token", may("read"), WITH_TOKEN],
    ["a named token for reading that writes", "READ_ONLY_TOKEN", { ...may("read"), ...json }, WITH_TOKEN],
    ["the same on a hub that is open to this machine", "READ_ONLY_TOKEN", { ...may("read"), ...json }],
    ["the same that deletes", "READ_ONLY_TOKEN", { ...may("read"), method: "DELETE" }],
    ["the same that would load a model", "READ_ONLY_TOKEN", { ...may("read"), ...json, path: "/v1" }],
    ...["explain", "replay", "policies/check"].map((asked): Case => {
      const path = `/api/control/routing/${asked}`
      return [`the same with a long question of ${asked}`, "token", { ...may("read"), ...json, path }, OPEN]
    }),
    [
      "the same that saves a policy",
      "READ_ONLY_TOKEN",
      { ...may("read"), ...json, path: "/api/control/routing/policies" },
    ],
    ["a named token of an administrator that writes", "token", { ...may("admin"), ...json }, WITH_PROXY],
    ["a token that is none any more", "TOKEN_REFUSED", { named: { ok: false, problem: "was revoked" } }],
    [
      "a good token from a page of elsewhere",
      "ORIGIN_REFUSED",
      { ...may("admin"), origin: "http://evil.example" },
    ],
  ]
  it.each(named)("%s: %s", (_what, verdict, asking, rules = OPEN) => {
    expect(shown(judge({ ...ASKING, ...asking }, rules))).toBe(verdict)
  })

  it("comes with the groups that the proxy names", () => {
    const verdict = judge(
      { ...ASKING, ...BEHIND_PROXY, remoteUser: "ann", remoteGroups: "ops, dev," },
      WITH_PROXY,
    )
    expect(verdict).toEqual({ ok: true, actor: { kind: "person", name: "ann", groups: ["ops", "dev"] } })
  })
})
