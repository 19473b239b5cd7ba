import { describe, expect, it } from "vitest"
import { AnthropicError, AnthropicModels, GatewayModels } from "@boocontrol/shared/gateway"
import {
  fleetHost,
  fleetModel,
  gatewayForTest as gateway,
  hostForTest as host,
  json,
} from "./world-for-tests.ts"

describe("what is told without asking a host", () => {
  it("lists every name once, with where it is and what it can", async () => {
    const hosts = [
      fleetHost("a", "x", {
        models: [fleetModel("m", { context_length: 4096, aliases: ["gpt"] }), fleetModel("p", { peer: "x" })],
      }),
      fleetHost("b", "x", {
        models: [fleetModel("m", { state: "stopped" }), fleetModel("n", { aliases: ["gpt"] })],
      }),
      fleetHost("off", "x", { models: [fleetModel("z")], enabled: false }),
    ]
    const world = await gateway({ hosts })
    const { data } = GatewayModels.parse(await (await fetch(`${world.url}/v1/models`)).json())
    expect(data.map(({ id }) => id)).toEqual(["gpt", "m", "n"])
    expect(data[0]).toMatchObject({ boo: { collision: expect.stringContaining("m on a, n on b") } })
    expect(data[1]).toMatchObject({
      ...{ context_length: 4096, status: { value: "loaded" } },
      boo: {
        kind: "model",
        hosts: [
          { host: "a", state: "ready" },
          { host: "b", state: "stopped" },
        ],
      },
    })
  })

  it("tells one of them by its name, slashes included, and where to find the others", async () => {
    const world = await gateway({ hosts: [fleetHost("a", "x", ["org/m"])] })
    for (const path of ["org/m", "org%2Fm"]) {
      const reply = await fetch(`${world.url}/v1/models/${path}`)
      expect(await reply.json()).toMatchObject({ id: "org/m", object: "model", boo: { kind: "model" } })
    }
    const unknown = await fetch(`${world.url}/v1/models/nobody`)
    expect(unknown.headers.get("x-request-id")).toBe(unknown.headers.get("x-boo-request-id"))
    expect(unknown.status).toBe(404)
    expect(await unknown.json()).toMatchObject({ error: { code: "no_model" } })
  })

  it("tells of a name on one host, model or alias, what that host has", async () => {
    const gpt = { aliases: ["gpt", "both"] }
    const hosts = [
      fleetHost("a", "x", {
        models: [fleetModel("org/m", gpt), fleetModel("both"), fleetModel("p", { peer: "x" })],
      }),
      fleetHost("b", "x", {
        models: [fleetModel("m", { state: "stopped" }), fleetModel("h", { hidden: true })],
      }),
      fleetHost("off", "x", { models: [fleetModel("z")], enabled: false }),
    ]
    const world = await gateway({ hosts })
    const one = async (name: string): Promise<unknown> =>
      (await fetch(`${world.url}/v1/models/${name}`)).json()
    const on = [{ host: "a", state: "ready" }]
    expect(await one("a/org/m")).toMatchObject({ id: "a/org/m", boo: { kind: "model", hosts: on } })
    expect(await one("a/gpt")).toMatchObject({
      ...{ id: "a/gpt", boo: { kind: "alias", alias_of: "org/m", hosts: on } },
    })
    // A model of that very name goes before an alias.
    expect(await one("a/both")).toMatchObject({ id: "a/both", boo: { kind: "model", hosts: on } })
    for (const name of ["a/m", "b/gpt", "a/p", "b/h", "off/z", "a/", "c/m"])
      expect(await one(name)).toMatchObject({ error: { code: "no_model" } })
  })

  it("is told in Anthropic's words to who speaks its API", async () => {
    const hosts = [
      fleetHost("a", "x", {
        models: [fleetModel("m", { name: "The M", context_length: 4096 }), fleetModel("n")],
      }),
    ]
    const world = await gateway({ hosts })
    const get = async (path: string): Promise<unknown> =>
      (await fetch(world.url + path, { headers: { "anthropic-version": "2023-06-01" } })).json()
    const list = AnthropicModels.parse(await get("/v1/models?limit=1000"))
    expect(list).toMatchObject({ has_more: false, first_id: "m", last_id: "n" })
    expect(list.data[0]).toMatchObject({ id: "m", display_name: "The M", max_input_tokens: 4096 })
    expect(await get("/v1/models/m")).toEqual(list.data[0])
    const unknown = AnthropicError.parse(await get("/v1/models/nobody"))
    expect(unknown.error).toMatchObject({ type: "not_found_error", code: "no_model" })
    expect(AnthropicError.parse(await get("/v1/messages/batches")).error).toMatchObject({
      code: "not_served",
    })
    expect(GatewayModels.parse(await (await fetch(`${world.url}/v1/models`)).json())).not.toHaveProperty(
      "last_id",
    )
    const none = await gateway({ hosts: [] })
    const empty = await fetch(`${none.url}/v1/models`, { headers: { "anthropic-version": "2023-06-01" } })
    expect(await empty.json()).toEqual({ data: [], has_more: false, first_id: null, last_id: null })
  })

  it("comes in pages to Anthropic's clients, and whole to OpenAI's", async () => {
    const names = Array.from({ length: 25 }, (_, n) => `m${String(n).padStart(2, "0")}`)
    const world = await gateway({ hosts: [fleetHost("a", "x", names)] })
    const headers = { "anthropic-version": "2023-06-01" }
    const get = (query: string) => fetch(`${world.url}/v1/models${query}`, { headers })
    const ids = async (query: string) => {
      const { data, has_more, first_id, last_id } = AnthropicModels.parse(await (await get(query)).json())
      expect([first_id, last_id]).toEqual([data[0]?.id ?? null, data.at(-1)?.id ?? null])
      return [data.map(({ id }) => id), has_more]
    }
    expect(await ids("")).toEqual([names.slice(0, 20), true])
    expect(await ids("?after_id=m19")).toEqual([names.slice(20), false])
    expect(await ids("?limit=3&before_id=m20")).toEqual([names.slice(17, 20), true])
    for (const query of [
      "?limit=0",
      "?limit=1001",
      "?limit=x",
      "?after_id=nobody",
      "?after_id=m01&before_id=m05",
    ]) {
      const reply = await get(query)
      expect(reply.status).toBe(400)
      const { error, request_id: id } = AnthropicError.parse(await reply.json())
      expect(error).toMatchObject({ type: "invalid_request_error", code: "bad_page" })
      expect(reply.headers.get("request-id")).toBe(id)
    }
    for (const path of ["/v1/models?limit=3&after_id=m01", "/models?limit=0"]) {
      const { data } = GatewayModels.parse(await (await fetch(world.url + path)).json())
      expect(data).toHaveLength(25)
    }
  })

  it("answers props from what the sidecars know", async () => {
    const a = await host(json(200, {}))
    const world = await gateway({ hosts: [fleetHost("a", a.url, ["org/m"])] })
    for (const path of ["/upstream/org/m/props", "/props?model=org%2Fm", "/upstream/a/org/m/props"]) {
      const reply = await (await fetch(world.url + path)).json()
      expect(reply).toMatchObject({ default_generation_settings: { n_ctx: 8192 }, boo: { host: "a" } })
    }
    expect((await fetch(`${world.url}/props?model=nobody`)).status).toBe(404)
    expect(a.heard).toEqual([])
  })
})
