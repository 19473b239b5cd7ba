import { describe, expect, it } from "vitest"
import { hostIdOf, resolveSettings } from "./settings.ts"
import type { Settings } from "./settings.ts"

const flags = { demo: "auto", port: null, dataDir: null, configFile: null, envFile: null } as const

function resolved(
  values: Record<string, string>,
  more: Partial<typeof flags> | { port: number } = {},
): Settings {
  const result = resolveSettings(values, { ...flags, ...more }, "/default")
  if (result.kind === "wrong") throw new Error(result.problems.join("; "))
  return result.settings
}

describe("resolveSettings", () => {
  it("has defaults for everything", () => {
    expect(resolved({})).toEqual({
      dataDir: "/default",
      listen: { host: "127.0.0.1", port: 9503 },
      basePath: "/",
      databaseUrl: null,
      natsUrl: null,
      natsCreds: null,
      natsListen: null,
      llamaSwapUrl: "http://127.0.0.1:8080",
      hostId: null,
      demo: "auto",
      values: {},
    })
  })

  it.each([
    ["0.0.0.0:80", { host: "0.0.0.0", port: 80 }],
    ["[::1]:9503", { host: "::1", port: 9503 }],
    ["localhost:0", { host: "localhost", port: 0 }],
  ])("reads BOO_LISTEN %s", (listen, expected) => {
    expect(resolved({ BOO_LISTEN: listen }).listen).toEqual(expected)
  })

  it("lets --port change the port of BOO_LISTEN and keep its host", () => {
    expect(resolved({ BOO_LISTEN: "0.0.0.0:80" }, { port: 81 }).listen).toEqual({ host: "0.0.0.0", port: 81 })
  })

  it("treats an empty variable as none", () => {
    expect(resolved({ DATABASE_URL: "", NATS_URL: "" })).toMatchObject({ databaseUrl: null, natsUrl: null })
  })

  it("reports every problem at once, with name and value, and hides a password", () => {
    const wrong = {
      BOO_LISTEN: "nowhere",
      DATABASE_URL: "mysql://me:secret@db/x",
      LLAMA_SWAP_URL: "gpu-box",
      BOO_HOST_ID: "My Host",
      BOO_NATS_LISTEN: "x:y:z",
    }
    const result = resolveSettings(wrong, flags, "/default")
    expect(result).toEqual({
      kind: "wrong",
      problems: [
        'BOO_LISTEN is "nowhere", allowed is host:port',
        'DATABASE_URL is "mysql://me:***@db/x", allowed is postgres://... or postgresql://...',
        'LLAMA_SWAP_URL is "gpu-box", allowed is http://... or https://...',
        'BOO_HOST_ID is "My Host", allowed are 1 to 40 of a-z, 0-9 and -',
        'BOO_NATS_LISTEN is "x:y:z"; it must be host, host:port or :port.',
      ],
    })
  })
})

it.each([
  ["GPU-Box.local", "gpu-box-local"],
  ["__", "this-machine"],
  ["a".repeat(60), "a".repeat(40)],
])("makes a host id of %s", (hostname, id) => {
  expect(hostIdOf(hostname)).toBe(id)
})
