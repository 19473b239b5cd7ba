import { randomUUID } from "node:crypto"
import { describe, expect, it, vi } from "vitest"
import { CommandAccepted } from "@boocontrol/shared/commands"
import type { ResultData } from "@boocontrol/shared/envelope"
import { BooError, NatsErrorReply } from "@boocontrol/shared/errors"
import { HostId, InstanceId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { manualClock } from "../platform/clock-manual.ts"
import { createCommands } from "./index.ts"
import type { CommandShelf } from "./ports.ts"

const host = HostId.parse("rack")
const instance = InstanceId.parse(randomUUID())
const clock = manualClock()

function memoryShelf(): CommandShelf & { saved(): string } {
  const files = new Map<string, string>()
  return {
    load: (name, schema) => schema.safeParse(JSON.parse(files.get(name) ?? "null")).data ?? null,
    save: (name, value) => void files.set(name, JSON.stringify(value)),
    saved: () => files.get("commands") ?? "",
  }
}

function life(shelf: CommandShelf = memoryShelf()) {
  const results: ResultData[] = []
  const commands = createCommands({ host, instance, clock, shelf, result: (data) => void results.push(data) })
  return { commands, results, shelf }
}

function payload(args: unknown, more: Record<string, unknown> = {}): string {
  const deadline = instantOf(clock.now() + 1_000)
  return JSON.stringify({ v: 1, id: randomUUID(), instance, deadline, args, ...more })
}

type Reply = ReturnType<ReturnType<typeof createCommands>["handle"]>
const reply = (text: Reply): unknown => JSON.parse(typeof text === "string" ? text : "null")
const refusal = (text: Reply) => NatsErrorReply.parse(reply(text)).error

describe("commands", () => {
  it("are answered at once, and their outcome follows under their id", async () => {
    const { commands, results } = life()
    const { promise, resolve } = Promise.withResolvers<unknown>()
    commands.on("warm", ({ model }) => promise.then(() => ({ model })))
    const answer = CommandAccepted.parse(reply(commands.handle("warm", payload({ model: "m" }))))
    expect(answer.repeated).toBeUndefined()
    expect(results).toEqual([])
    resolve(null)
    await vi.waitFor(() => expect(results).toEqual([{ id: answer.id, ok: true, data: { model: "m" } }]))
  })

  it("asked again are answered and not done again, also by the next life of the sidecar", async () => {
    const first = life()
    const work = vi.fn(() => Promise.resolve("done"))
    first.commands.on("warm", work)
    const sent = payload({ model: "m" })
    void first.commands.handle("warm", sent)
    await vi.waitFor(() => expect(first.results).toHaveLength(1))
    const second = life(first.shelf)
    second.commands.on("warm", work)
    second.commands.start()
    for (const { commands } of [first, second])
      expect(reply(commands.handle("warm", sent))).toMatchObject({ repeated: true, result: { ok: true } })
    expect(work).toHaveBeenCalledTimes(1)
    expect(second.results).toEqual([])
  })

  it("left undone by a sidecar that died are told as interrupted by the next", () => {
    const first = life()
    first.commands.on("warm", () => new Promise(() => undefined))
    void first.commands.handle("warm", payload({ model: "m" }))
    const second = life(first.shelf)
    second.commands.start()
    expect(second.results).toMatchObject([{ ok: false, error: { code: "COMMAND_INTERRUPTED" } }])
  })

  it("under way when the sidecar is stopped give up and say so before it ends", async () => {
    const { commands, results } = life()
    commands.on(
      "warm",
      (_, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("ended")))),
    )
    void commands.handle("warm", payload({ model: "m" }))
    await commands.stop()
    expect(results).toMatchObject([{ ok: false, error: { code: "COMMAND_INTERRUPTED" } }])
  })

  it("that fail say why: our own errors as they are, any other with its message", async () => {
    const { commands, results } = life()
    commands.on("unload", () => Promise.reject(new BooError("MODEL_NOT_FOUND", { host, model: "m" })))
    commands.on("warm", () => Promise.reject(new Error("no room on the card")))
    void commands.handle("unload", payload({ model: "m" }))
    void commands.handle("warm", payload({ model: "m" }))
    await vi.waitFor(() => expect(results).toHaveLength(2))
    expect(results.map(({ error }) => error?.code)).toEqual(["MODEL_NOT_FOUND", "COMMAND_FAILED"])
    expect(results[1]?.error?.message).toContain("no room on the card")
  })

  it("that only ask are answered with what was asked for, and leave nothing behind", async () => {
    const { commands, results, shelf } = life()
    commands.ask("probe", () => Promise.resolve({ secret: "prompt" }))
    const asked = payload({})
    for (let count = 0; count < 2; count++) {
      const answer = CommandAccepted.parse(reply(await commands.handle("probe", asked)))
      expect(answer).toMatchObject({ accepted: true, result: { ok: true, data: { secret: "prompt" } } })
      expect(answer.repeated).toBeUndefined()
    }
    expect(results).toEqual([])
    expect(JSON.stringify(shelf)).not.toContain("prompt")
    expect((shelf as ReturnType<typeof memoryShelf>).saved()).toBe("")
  })

  it("that only ask say why they fail, and are refused like any other", async () => {
    const { commands } = life()
    commands.ask("probe", () => Promise.reject(new BooError("CAPTURE_GONE", { host, entry: 3 })))
    expect(refusal(await commands.handle("probe", payload({}))).code).toBe("CAPTURE_GONE")
    const late = payload({}, { deadline: instantOf(clock.now() - 1) })
    expect(refusal(await commands.handle("probe", late)).code).toBe("COMMAND_LATE")
  })

  it("that make no sense are refused with what is wrong, and remembered by nobody", () => {
    const shelf = memoryShelf()
    const { commands } = life(shelf)
    commands.on("warm", () => Promise.resolve())
    for (const nonsense of ["", "{}", payload({}), payload({ model: "" }), payload({ model: "m" }, { v: 2 })])
      expect(refusal(commands.handle("warm", nonsense)).code).toBe("BAD_REQUEST")
    expect(refusal(commands.handle("warm", payload({}))).message).toContain("model")
    expect(commands.handle("config.write", payload({}))).toBeNull()
    expect(shelf.saved()).toBe("")
  })

  it("of a holder whose lease was lost are refused, also after a restart", async () => {
    const first = life()
    first.commands.on("probe", () => Promise.resolve())
    void first.commands.handle("probe", payload({}, { fencing_token: 5 }))
    const second = life(first.shelf)
    second.commands.on("probe", () => Promise.resolve())
    const answer = refusal(second.commands.handle("probe", payload({}, { fencing_token: 4 })))
    expect(answer).toMatchObject({ code: "LEASE_FENCED", retryable: false })
    await second.commands.stop()
  })
})
