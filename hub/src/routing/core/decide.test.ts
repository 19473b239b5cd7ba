import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { DEFAULT_POLICIES } from "@boocontrol/shared/route-policy"
import { deciding, loaded, routeAsk, routeHost, routeModel, routeTarget } from "../view-for-tests.ts"
import { decide, isOnlyFull } from "./decide.ts"
import type { Deciding } from "./decide.ts"
import { candidatesOf, explanationOf, refusalIn } from "./explain.ts"
import { providerOf } from "./view.ts"
import type { RouteHost } from "./view.ts"

const none: ReadonlySet<string> = new Set()
const order = (around: Deciding, ask = routeAsk("m"), tried = none): string[] =>
  decide(ask, tried, around).ranked.map(({ place }) => `${providerOf(place)}/${place.model.id}`)
const hosts = (...list: RouteHost[]) => deciding({ hosts: list })
const measured = (value: number) => ({ value, basis: "measured" as const })

describe("who is first", () => {
  it("is who has it loaded, before a faster one that has to load it", () => {
    const fast = { promptTps: measured(9000), genTps: measured(200), load: measured(20_000) }
    expect(order(hosts(routeHost("a", [routeModel("m", fast)]), routeHost("b", [loaded("m")])))).toEqual([
      "b/m",
      "a/m",
    ])
  })

  it("is who has to load it, when those who hold it are busy for longer than the load takes", () => {
    const idle = routeHost("a", [routeModel("m", { load: measured(10_000) })])
    expect(order(hosts(idle, routeHost("b", [loaded("m", { inflight: 8, serviceMs: 20_000 })])))[0]).toBe(
      "a/m",
    )
  })

  it("is who is nearly done with loading, before who would begin now", () => {
    const around = hosts(
      routeHost("a", [routeModel("m")]),
      routeHost("b", [routeModel("m", { state: "starting", stateSinceMs: 0 })]),
    )
    expect(order({ ...around, moment: { ...around.moment, nowMs: 15_000 } })[0]).toBe("b/m")
  })

  it("is not who would push out what others use", () => {
    const host = (id: string) => routeHost(id, [routeModel("m", { evicts: ["x"] }), loaded("x")])
    const use = (id: string) => ({ perMs: id === "a" ? 0.001 : 0, warmTokens: 0 })
    expect(order(deciding({ hosts: [host("a"), host("b")] }, { moment: { use } }))).toEqual(["b/m", "a/m"])
  })

  it("is who has the conversation warm, as long as it is that very process", () => {
    const around = (instance: string) =>
      deciding(
        { hosts: [routeHost("a", [loaded("m")]), routeHost("b", [loaded("m", { instance: "b-2" })])] },
        { moment: { warmShare: (_host, model) => (model.instance === instance ? 0.9 : 0) } },
      )
    const ask = routeAsk("m", { prompt_tokens: 8000 })
    expect(order(around("b-2"), ask)[0]).toBe("b/m")
    expect(order(around("b-1"), ask)[0]).toBe("a/m")
  })

  it("is who is less asked for already in the hub's own queue", () => {
    const list = [routeHost("a", [loaded("m")]), routeHost("b", [loaded("m")])]
    expect(order(deciding({ hosts: list }, { moment: { ahead: (host) => (host === "a" ? 9 : 0) } }))[0]).toBe(
      "b/m",
    )
  })
})

describe("who is passed over", () => {
  const able = routeHost("ok", [loaded("m")])
  const lease = { leaseId: "l", holder: "bench", mode: "exclusive" as const, expiresAt: null }
  it.each<[string, RouteHost, object]>([
    ["disabled", routeHost("x", [loaded("m")], { enabled: false }), {}],
    ["offline", routeHost("x", [loaded("m")], { liveness: "reconnecting" }), {}],
    ["offline", routeHost("x", [loaded("m")], { baseUrl: null }), {}],
    ["leased", routeHost("x", [loaded("m")], { lease }), {}],
    ["leased", routeHost("x", [routeModel("m")], { lease: { ...lease, mode: "shared" } }), {}],
    ["no_context_fit", routeHost("x", [loaded("m", { contextLength: 1000 })]), { prompt_tokens: 4000 }],
  ])("%s", (reason, host, ask) => {
    const decision = decide(routeAsk("m", ask), none, hosts(host, able))
    expect(decision.refused.map(({ refused }) => refused.reason)).toEqual([reason])
    expect(decision.ranked.map(({ place }) => providerOf(place))).toEqual(["ok"])
  })

  it("the holder of a lease is let through, and a shared one lets what is loaded be used", () => {
    const held = hosts(routeHost("x", [loaded("m")], { lease }))
    expect(order(held, routeAsk("m", { lease: "l" }))).toEqual(["x/m"])
    expect(order(hosts(routeHost("x", [loaded("m")], { lease: { ...lease, mode: "shared" } })))).toEqual([
      "x/m",
    ])
  })

  it("whoever failed this request, and whoever's breaker is open", () => {
    const around = hosts(able, routeHost("b", [loaded("m")]))
    expect(order(around, routeAsk("m"), new Set(["ok"]))).toEqual(["b/m"])
    expect(order({ ...around, health: (id) => (id === "b" ? "open" : "closed") })).toEqual(["ok/m"])
  })

  it("one that is not known to see, where a policy looks for it and there is a picture", () => {
    const list = [
      routeHost("a", [loaded("blind")]),
      routeHost("b", [routeModel("sees", { capabilities: ["vision"] })]),
    ]
    const around = deciding({ hosts: list }, { policies: DEFAULT_POLICIES })
    expect(order(around, routeAsk("auto", { images: true }))).toEqual(["b/sees"])
    expect(order(around, routeAsk("blind", { images: true }))).toEqual(["a/blind"])
  })

  it("one whose last load failed, for ten minutes, unless it is named", () => {
    const broken = routeModel("qwen-8b", { state: "error", stateSinceMs: 1_000 })
    const around = deciding(
      { hosts: [routeHost("a", [broken, routeModel("qwen-4b")])] },
      { policies: DEFAULT_POLICIES },
    )
    const at = (nowMs: number) => ({ ...around, moment: { ...around.moment, nowMs } })
    expect(order(at(600_999), routeAsk("auto"))).toEqual(["a/qwen-4b"])
    expect(order(at(601_000), routeAsk("auto"))).toHaveLength(2)
    expect(order(at(2_000), routeAsk("qwen-8b"))).toEqual(["a/qwen-8b"])
  })

  it("a chat model for embeddings, and an embedding model for chat", () => {
    const list = [routeHost("a", [loaded("qwen-8b"), loaded("nomic-embed-text")])]
    const around = deciding({ hosts: list }, { policies: DEFAULT_POLICIES })
    expect(order(around, routeAsk("auto"))).toEqual(["a/qwen-8b"])
    expect(order(around, routeAsk("auto", { endpoint: "embeddings" }))).toEqual(["a/nomic-embed-text"])
  })
})

describe("a provider", () => {
  const cloud = (more: Parameters<typeof routeTarget>[1] = {}) => routeTarget("cloud", more)
  const rule = { order: "listed" as const, candidates: [{ targets: ["cloud"] }, {}] }
  const around = (target = cloud(), list: RouteHost[] = [routeHost("a", [loaded("qwen-8b")])]) =>
    deciding({ hosts: list, targets: [target] }, { policies: [{ name: "out", rules: [rule] }] })

  it.each([
    ["openai", "chat/completions", null],
    ["openai", "messages", "dialect"],
    ["openai", "rerank", "endpoint"],
    ["anthropic", "messages", null],
    ["anthropic", "chat/completions", "dialect"],
  ] as const)("that speaks %s and is asked for %s is refused for %s", (dialect, endpoint, reason) => {
    const asked = around(cloud({ dialect }))
    const decision = decide(routeAsk("cloud/big", { endpoint }), none, asked)
    expect(decision.refused.map(({ refused }) => refused.reason)).toEqual(reason === null ? [] : [reason])
    expect(decision.ranked).toHaveLength(reason === null ? 1 : 0)
    const told = explanationOf(decision, asked)
    expect(told.candidates.map(({ verdict, reason: why }) => [verdict, why])).toEqual([
      reason === null ? ["chosen", null] : ["refused", reason],
    ])
    expect(told.refusal?.reason ?? null).toBe(reason === null ? null : "no_model")
  })

  it("of another dialect leaves the request to the hosts of its policy, however switched off it is", () => {
    const ask = routeAsk("auto:out", { endpoint: "messages" })
    expect(order(around(), routeAsk("auto:out"))).toEqual(["cloud/big", "a/qwen-8b"])
    expect(order(around(), ask)).toEqual(["a/qwen-8b"])
    const off = decide({ ...ask, model: "cloud/big" }, none, around(cloud({ enabled: false })))
    expect(off.refused.map(({ refused }) => refused.reason)).toEqual(["dialect"])
  })

  it("is no candidate for what only a llama-swap has", () => {
    expect(order(around(), routeAsk("auto:out", { served_by: "host" }))).toEqual(["a/qwen-8b"])
  })

  it("that has as many requests as it may take is full, and others serve instead", () => {
    const [busy, full] = [cloud({ maxConcurrent: 2, inflight: 1 }), cloud({ maxConcurrent: 2, inflight: 2 })]
    expect(order(around(busy), routeAsk("auto:out"))[0]).toBe("cloud/big")
    const decision = decide(routeAsk("auto:out"), none, around(full))
    expect(decision.ranked.map(({ place }) => providerOf(place))).toEqual(["a"])
    expect(decision.refused.map(({ refused }) => refused)).toEqual([
      { reason: "full", why: "2 of 2 requests are at work there" },
    ])
    expect(isOnlyFull(decision)).toBe(false)
  })

  it("that is full and the only one is worth waiting for, unless it could never serve it", () => {
    const full = around(cloud({ maxConcurrent: 1, inflight: 1 }), [])
    const waits = decide(routeAsk("cloud/big"), none, full)
    expect([isOnlyFull(waits), refusalIn(waits).reason]).toEqual([true, "full"])
    const never = decide(routeAsk("cloud/big", { prompt_tokens: 900_000 }), none, full)
    expect([isOnlyFull(never), refusalIn(never).reason]).toEqual([false, "no_context_fit"])
  })
})

describe("what a policy weighs", () => {
  const quality = (value: number) => () => measured(value)
  const list = [
    routeHost("a", [
      loaded("small", { quality: quality(0.4), costPerMtok: measured(1), genTps: measured(100) }),
    ]),
    routeHost("b", [
      routeModel("large", { quality: quality(0.8), costPerMtok: measured(4), genTps: measured(20) }),
    ]),
  ]
  const around = deciding(
    { hosts: list, targets: [routeTarget("cloud")] },
    {
      policies: [
        ...DEFAULT_POLICIES,
        { name: "floor", rules: [{ order: "fast", filters: { quality_floor: 0.6 } }] },
        {
          name: "over",
          rules: [
            { order: "fast", candidates: [{}, { targets: ["cloud"] }], dispatch: { overflow_after_s: 60 } },
          ],
        },
        {
          name: "listed",
          rules: [{ order: "listed", candidates: [{ models: ["large"] }, { models: ["small"] }] }],
        },
        { name: "off", enabled: false, rules: [{}] },
        { name: "never", rules: [{ match: { source: ["nobody"] } }] },
      ],
    },
  )
  it.each([
    ["auto:code", "b/large"],
    ["auto:fast", "a/small"],
    ["auto:cheap", "a/small"],
    ["auto:floor", "b/large"],
    ["auto:listed", "b/large"],
    ["auto:over", "a/small"],
  ])("%s goes to %s", (name, wanted) => expect(order(around, routeAsk(name))[0]).toBe(wanted))

  it("lets a provider in only as overflow, and never without a word", () => {
    expect(order(around, routeAsk("auto:over"))).not.toContain("cloud/big")
    const empty = { ...around, view: { ...around.view, hosts: [] } }
    expect(order(empty, routeAsk("auto:over"))).toEqual(["cloud/big"])
    expect(order(empty, routeAsk("auto:fast"))).toEqual([])
  })

  it("a policy that is off, or has no rule for it, reaches nobody and says so", () => {
    for (const name of ["auto:off", "auto:never", "auto:gone"]) {
      const decision = decide(routeAsk(name), none, around)
      expect(decision.ranked).toEqual([])
      expect(refusalIn(decision).reason).toBe("no_model")
    }
  })
})

describe("the explanation", () => {
  it("says of every rule which of its conditions do not hold, and which rule is used", () => {
    const rules = [
      { name: "agents", match: { tools: true, source: ["boocoder"], header: { "x-team": "red" } } },
      { name: "at night", match: { time: { from: "22:00", to: "06:00" } } },
      { match: { endpoint: ["chat/*"] } },
      { name: "rest" },
    ]
    const around = deciding({ hosts: [routeHost("a", [loaded("m")])] }, { policies: [{ name: "p", rules }] })
    const verdicts = (given: Partial<Deciding>, ask = {}) => {
      const asked = { ...around, ...given }
      const { rules: told, rule } = explanationOf(decide(routeAsk("auto:p", ask), none, asked), asked)
      return [rule, ...told.map(({ is_used: isUsed, misses }) => (isUsed ? "used" : misses.join(", ")))]
    }
    expect(verdicts({})).toEqual(["rule 3", "source, tools, header x-team", "time", "used", ""])
    expect(verdicts({ askedMs: Date.UTC(2026, 10, 26, 23) })).toEqual([
      "at night",
      "source, tools, header x-team",
      "used",
      "",
      "",
    ])
    const agent = { tools: true, source: "boocoder", headers: { "x-team": "red" } }
    expect(verdicts({}, agent)).toEqual(["agents", "used", "time", "", ""])
  })

  it("names every candidate once, with its terms, and why it lost", () => {
    const around = hosts(
      routeHost("a", [routeModel("m")]),
      routeHost("b", [loaded("m")]),
      routeHost("c", [loaded("m")], { enabled: false }),
    )
    const told = explanationOf(decide(routeAsk("m"), none, around), around)
    expect(told.chosen).toEqual({ provider_id: "b", model: "m" })
    expect(told.candidates.map(({ provider_id: id, verdict, reason }) => [id, verdict, reason])).toEqual([
      ["b", "chosen", null],
      ["a", "beaten", null],
      ["c", "refused", "disabled"],
    ])
    expect(told.candidates[1]?.why).toMatch(/^needs a load: 20 s;/)
    expect(told.candidates[1]?.terms.load_ms).toBe(20_000)
    expect(told.candidates[0]?.why).toMatch(/^first token in \d+ ms$/)
  })

  it("says what counts against one that is not slower", () => {
    const priced = (id: string, value: number) =>
      routeHost(id, [loaded("qwen-8b", { costPerMtok: measured(value) })])
    const policies = [{ name: "saving", rules: [{ order: "cheap" as const }] }]
    const around = deciding({ hosts: [priced("a", 9), priced("b", 1)] }, { policies })
    const told = candidatesOf(decide(routeAsk("auto:saving"), none, around), null)
    expect(told[1]?.why).toMatch(/^is dearer, which counts for \d+ s; \d+ s behind: first token in \d+ ms$/)
  })

  it("says why nobody could, by what most hopefully passes", () => {
    const gone = routeHost("a", [loaded("m")], { liveness: "down" })
    const small = routeHost("b", [loaded("m", { contextLength: 100 })])
    const ask = routeAsk("m", { prompt_tokens: 5000 })
    expect(refusalIn(decide(ask, none, hosts(gone, small))).reason).toBe("offline")
    expect(refusalIn(decide(ask, none, hosts(small))).reason).toBe("no_context_fit")
    expect(refusalIn(decide(routeAsk("nobody"), none, hosts(small))).reason).toBe("no_model")
  })

  it("adds up: the score is the sum of what is shown, and the least is chosen", () => {
    const place = fc.record({
      ready: fc.boolean(),
      inflight: fc.integer({ min: 0, max: 20 }),
      load: fc.integer({ min: 1000, max: 90_000 }),
      tps: fc.integer({ min: 10, max: 9000 }),
      quality: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(
        fc.array(place, { minLength: 1, maxLength: 8 }),
        fc.constantFrom("auto", "auto:code", "auto:fast", "auto:cheap", "m"),
        (list, name) => {
          const around = deciding(
            {
              hosts: list.map((one, index) =>
                routeHost(`h${index}`, [
                  routeModel("m", {
                    ...{
                      state: one.ready ? "ready" : "stopped",
                      inflight: one.inflight,
                      load: measured(one.load),
                    },
                    ...{ promptTps: measured(one.tps), quality: () => measured(one.quality) },
                  }),
                ]),
              ),
            },
            { policies: DEFAULT_POLICIES },
          )
          const decision = decide(routeAsk(name), none, around)
          const told = candidatesOf(decision, null)
          expect(told).toHaveLength(list.length)
          const scores = told.map(({ score }) => score ?? Infinity)
          expect(scores[0]).toBe(Math.min(...scores))
          for (const { terms, handicapMs, score } of decision.ranked)
            expect(score).toBeCloseTo(terms.wait + terms.load + terms.prefill + terms.pushOut + handicapMs, 3)
        },
      ),
    )
  })
})
