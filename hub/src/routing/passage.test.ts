import { describe, expect, it } from "vitest"
import { RequestId } from "@boocontrol/shared/ids"
import { model, uuid } from "../../test/example-host.ts"
import type { Attempt, Refusal } from "./passage.ts"
import type { GatewayAsk } from "./ports.ts"

import { EARLY, attempt, facts, ready, stage, stopped } from "../../test/routing-stage.ts"

describe("a request", () => {
  it("goes at once to who has it loaded, without a queue", () => {
    const { host, ask } = stage()
    host("a", [stopped("m")])
    host("b", [ready("m")])
    expect(ask().next()).toMatchObject({ kind: "attempt", host: "b", model: "m" })
  })

  it("that fails goes to another host, never to that one again, and ends with why", () => {
    const { host, ask, ends } = stage()
    host("a", [ready("m")])
    host("b", [ready("m")])
    const { next } = ask()
    const first = attempt(next())
    first.failed({ kind: "status", status: 503, detail: "busy", ...EARLY })
    const second = attempt(next())
    expect(new Set([first.host, second.host])).toEqual(new Set(["a", "b"]))
    second.failed({ kind: "reset", status: null, detail: "", ...EARLY })
    expect(next()).toMatchObject({ kind: "refusal", code: "unhealthy" })
    expect(ends.map(({ outcome, attempt: nth }) => [outcome, nth])).toEqual([
      ["failed", 1],
      ["failed", 2],
      ["refused", 2],
    ])
  })

  it("says of each attempt whether it may have reached its host, what was answered, and how long it took", () => {
    const { host, ask, ends, clock } = stage()
    for (const name of ["a", "b", "c", "d", "e", "f"]) host(name, [ready("m")])
    const { next } = ask()
    for (const kind of ["refused", "unreachable", "reset"])
      attempt(next()).failed({ kind, status: null, detail: "", ...EARLY })
    const left = ask()
    attempt(left.next())
    clock.advance(70)
    left.leave()
    attempt(ask().next()).finished({ ...facts, status: 404 })
    expect(ends.map(({ isSent, status, durationMs }) => [isSent, status, durationMs])).toEqual([
      [false, null, 3],
      [false, null, 3],
      [true, null, 3],
      [true, null, 70],
      [true, 404, 100],
    ])
    const unknown = ask({ model: "nothing" })
    expect(unknown.next()).toMatchObject({ kind: "refusal" })
    expect(ends.at(-1)).toMatchObject({ isSent: false, status: null })
  })

  it("whose model does not start goes to another model of the same host, where it named none", async () => {
    const { host, ask } = stage()
    const cold = (id: string, load_ms_typical: number) => model(id, "stopped", { load_ms_typical })
    host("a", [cold("broken-8b", 1_000), cold("sound-8b", 20_000)])
    const { next } = ask({ model: "auto" })
    const first = attempt(await next())
    expect(first).toMatchObject({ host: "a", model: "broken-8b" })
    first.failed({ kind: "status", status: 500, detail: "exited", ...EARLY, mayBeTheRequest: true })
    const second = attempt(await next())
    expect(second).toMatchObject({ host: "a", model: "sound-8b" })
    second.failed({ kind: "reset", status: null, detail: "", ...EARLY })
    expect(await next()).toMatchObject({ kind: "refusal", code: "unhealthy" })
  })

  it("that a loaded model answers with 500 does not go to that host again", () => {
    const { host, ask } = stage()
    host("a", [ready("one-8b"), ready("two-8b")])
    const { next } = ask({ model: "auto" })
    attempt(next()).failed({ kind: "status", status: 500, detail: "", ...EARLY, mayBeTheRequest: true })
    expect(next()).toMatchObject({ kind: "refusal", code: "unhealthy" })
  })

  it("that no host can answer counts against none of them, and one that another host answers does", () => {
    const { host, ask, counted } = stage()
    for (const name of ["a", "b", "c"]) host(name, [ready("m")])
    const failure = { kind: "status", status: 500, detail: "", ...EARLY, mayBeTheRequest: true }
    const bad = ask()
    for (let n = 0; n < 3; n++) attempt(bad.next()).failed(failure)
    expect(counted).toEqual([])
    const good = ask()
    const first = attempt(good.next())
    first.failed(failure)
    expect(counted).toEqual([])
    attempt(good.next()).responded()
    expect(counted).toEqual([first.host])
  })

  it("of unknown size may be read for minutes before its host has stalled", () => {
    const { host, ask } = stage()
    for (const name of ["a", "b"]) host(name, [ready("m")])
    const known = attempt(ask().next())
    const picture = attempt(ask({ hasImages: true }).next())
    const unsized = attempt(ask({ promptBytes: null }).next())
    expect(known.firstByteMs).toBeLessThan(60_000)
    expect([picture.firstByteMs > 300_000, unsized.firstByteMs > 300_000]).toEqual([true, true])
  })

  it.each([
    ["whose length and rate are known", { maxTokens: 100 }, 20_000, 60_000],
    ["that may be long", { maxTokens: 8_000 }, 600_000, 700_000],
    ["of unknown length", { maxTokens: null }, 600_000, 700_000],
    ["that is nothing but read", { endpoint: "embeddings" as const }, 20_000, 60_000],
  ])("for a whole answer %s has as long as that takes", (_what, more, leastMs, mostMs) => {
    const { host, ask, measured } = stage()
    host("a", [ready("m")])
    measured.rows("a", [
      {
        id: RequestId.parse(uuid(1)),
        model: "m",
        gen_tps: 20,
        output_tokens: 100,
        prompt_tps: 500,
        uncached_tokens: 100,
      },
    ])
    host("a", [ready("m")])
    const { firstByteMs } = attempt(ask({ stream: false, ...more }).next())
    expect(firstByteMs).toBeGreaterThan(leastMs)
    expect(firstByteMs).toBeLessThan(mostMs)
  })

  it("for a whole answer from who was never measured may take as long as any", () => {
    const { host, ask } = stage()
    host("a", [ready("m")])
    expect(attempt(ask({ stream: false, maxTokens: 10 }).next()).firstByteMs).toBeGreaterThan(600_000)
  })

  it("waits when all slots are taken, and goes when one is free", async () => {
    const { host, ask } = stage()
    host("a", [ready("m")])
    const running = [attempt(ask().next()), attempt(ask().next())]
    const waits = ask().next()
    expect(waits).toBeInstanceOf(Promise)
    running[0]?.finished(facts)
    expect(await waits).toMatchObject({ kind: "attempt", host: "a" })
  })

  it("of one source does not stand behind all that another has asked for the same model", async () => {
    const { host, ask } = stage()
    host("a", [ready("m")])
    const running = [attempt(ask({ source: "agents" }).next()), attempt(ask({ source: "agents" }).next())]
    const went: string[] = []
    const waitFor = (source: string, more: Partial<GatewayAsk> = {}): void =>
      void Promise.resolve(ask({ source, ...more }).next()).then((outcome) => {
        went.push(source)
        running.push(attempt(outcome))
      })
    for (let n = 0; n < 4; n++) waitFor("agents")
    // Another key and another size: what the request is, is no reason for a line of its own.
    waitFor("people", { keyLabel: "laptop", promptBytes: 40_000 })
    for (const one of running.splice(0, 2)) one.finished(facts)
    await Promise.resolve()
    await Promise.resolve()
    expect(went).toContain("people")
  })

  it("does not wait behind a thousand of its own source, and does behind those of another", () => {
    const { host, ask } = stage()
    host("a", [ready("m")])
    for (let n = 0; n < 2; n++) attempt(ask().next())
    for (let n = 0; n < 1_000; n++) expect(ask({ source: "flood" }).next()).toBeInstanceOf(Promise)
    expect(ask({ source: "flood" }).next()).toMatchObject({
      ...{ kind: "refusal", code: "full", reason: expect.stringContaining("too many wait") },
      candidates: [{ host: "a", reason: "busy" }],
    })
    expect(ask({ source: "people" }).next()).toBeInstanceOf(Promise)
  })

  it("for one model is served by the load that another source began", async () => {
    const { host, ask, ends } = stage()
    host("a", [stopped("m")])
    host("b", [stopped("m")])
    const both = await Promise.all([ask({ source: "agents" }).next(), ask({ source: "people" }).next()])
    expect(new Set(both.map((one) => attempt(one).host)).size).toBe(1)
    for (const one of both) attempt(one).finished(facts)
    expect(ends.map(({ isSwap }) => isSwap)).toEqual([true, false])
  })

  it("is refused as full after its time, with when to come back", async () => {
    const { host, ask, clock } = stage()
    host("a", [ready("m")])
    attempt(ask().next())
    attempt(ask().next())
    const waits = ask().next()
    clock.advance(180_000)
    expect(await waits).toMatchObject({ kind: "refusal", code: "full", retryAfterS: 10 })
  })

  it("that is left while it waits frees its place, and is written down as left", () => {
    const { host, ask, room, ends } = stage()
    host("a", [ready("m")])
    attempt(ask().next())
    attempt(ask().next())
    const { next, leave } = ask()
    expect(next()).toBeInstanceOf(Promise)
    expect(room.waiting()).toBe(1)
    leave()
    expect(room.waiting()).toBe(0)
    expect(ends).toMatchObject([
      { outcome: "cancelled", ranked: null, reason: "the client left while it waited" },
    ])
  })

  it("for what nobody has loaded begins one load, and those that follow wait for the same", async () => {
    const { host, ask } = stage()
    host("a", [stopped("m")])
    host("b", [stopped("m")])
    const [first, second] = await Promise.all([ask().next(), ask().next()])
    expect(attempt(first).host).toBe(attempt(second).host)
  })

  it("does not push out what is at work, and takes the host when that has ended", async () => {
    const { host, ask, clock } = stage()
    host("a", [ready("x"), stopped("m")])
    const busy = attempt(ask({ model: "x" }).next())
    const waits = ask().next()
    let went: Attempt | Refusal | null = null
    void Promise.resolve(waits).then((outcome) => (went = outcome))
    await Promise.resolve()
    expect(went).toBeNull()
    busy.finished(facts)
    // Somebody may come back for what is there: so long, and no longer, it is held.
    clock.advance(60_000)
    expect(await waits).toMatchObject({ kind: "attempt", host: "a", model: "m" })
  })

  it("is not sent to where others' requests, which this hub never saw, fill all slots", () => {
    const { host, ask } = stage()
    const foreign = (id: string) => ({
      ...{
        id,
        started_at: null,
        model: "m",
        req_path: null,
        method: "POST",
        phase: null,
        resp_bytes: null,
        headers: {},
      },
      ...{ source: null, request_id: null, client_ip: null, user_agent: null, session_id: null },
    })
    host("a", [ready("m")], { inflight: [foreign("1"), foreign("2")], inflight_total: 2 })
    host("b", [ready("m")])
    for (let n = 0; n < 2; n++) expect(ask().next()).toMatchObject({ host: "b" })
  })

  it("waits no longer when the only host that could serve it goes away", async () => {
    const { host, ask } = stage()
    host("a", [ready("m")])
    attempt(ask().next())
    attempt(ask().next())
    const waits = ask().next()
    host("a", [ready("m")], { liveness: "down" })
    expect(await waits).toMatchObject({ kind: "refusal", code: "offline" })
  })

  it("of a name that nobody has, of an unknown prefix, a missing policy or a disabled host reaches nobody", () => {
    const { host, ask } = stage()
    host("a", [ready("m")])
    host("off", [ready("n")], { enabled: false })
    for (const name of ["gone", "nowhere/m", "auto:gone"])
      expect(ask({ model: name }).next()).toMatchObject({ kind: "refusal", code: "no_model" })
    expect(ask({ model: "n" }).next()).toMatchObject({ kind: "refusal", code: "offline" })
    expect(ask({ model: "off/n" }).next()).toMatchObject({ kind: "refusal", code: "offline" })
  })
})

describe("a provider with as much to do as it may have", () => {
  it("gets no request more, and the host that can serves instead", () => {
    const { host, target, ask } = stage()
    target("cloud", 1)
    host("a", [ready("m")])
    expect(ask({ model: "auto:out" }).next()).toMatchObject({ model: "big" })
    expect(ask({ model: "auto:out" }).next()).toMatchObject({ host: "a" })
  })

  it("is waited for where nobody else can serve, one for each that ends, sources in turn", async () => {
    const { target, ask } = stage()
    target("cloud", 2)
    const send = (source: string) => ask({ model: "cloud/big", source }).next()
    const running = [attempt(send("agents")), attempt(send("agents"))]
    const went: string[] = []
    const waitFor = (source: string): void =>
      void Promise.resolve(send(source)).then((outcome) => {
        went.push(source)
        running.push(attempt(outcome))
      })
    for (let n = 0; n < 3; n++) waitFor("agents")
    waitFor("people")
    await Promise.resolve()
    expect(went).toEqual([])
    running[0]?.finished(facts)
    await expect.poll(() => went).toHaveLength(1)
    running[1]?.failed({ kind: "reset", status: null, detail: "", ...EARLY })
    await expect.poll(() => went).toHaveLength(2)
    expect(went).toContain("people")
  })

  it("is waited for no longer than its time, then it is full", async () => {
    const { target, ask, clock } = stage()
    target("cloud", 1)
    attempt(ask({ model: "cloud/big" }).next())
    const waits = ask({ model: "cloud/big" }).next()
    clock.advance(180_000)
    expect(await waits).toMatchObject({
      ...{ kind: "refusal", code: "full", retryAfterS: 10 },
      candidates: [{ host: "cloud", model: "big", reason: "1 of 1 requests are at work there" }],
    })
  })

  it("has room for many waiters at once only as far as it goes", async () => {
    const { target, ask } = stage()
    target("cloud", 2)
    const running = [0, 1].map(() => attempt(ask({ model: "cloud/big" }).next()))
    let went = 0
    for (let n = 0; n < 5; n++)
      void Promise.resolve(ask({ model: "cloud/big" }).next()).then(() => (went += 1))
    for (const one of running) one.finished(facts)
    await expect.poll(() => went).toBe(2)
  })
})
