import { connect } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { Command } from "@boocontrol/shared/commands"
import type { ResultData } from "@boocontrol/shared/envelope"
import { subjects } from "@boocontrol/shared/subjects"
import type { CommandVerb } from "@boocontrol/shared/subjects"
import { envelope, hostId, instance, NOON } from "../../test/example-host.ts"
import { manualClock } from "./clock-manual.ts"
import { createHostCommands } from "./host-commands.ts"
import { silentLog } from "./log.ts"

const log = silentLog
let nc: NatsConnection
let hostNc: NatsConnection
beforeAll(async () => {
  nc = await connect({ servers: inject("natsUrl") })
  hostNc = await connect({ servers: inject("natsUrl") })
})
afterAll(() => Promise.all([nc.close(), hostNc.close()]))

let hosts = 0
/** A host that answers each command with what it is given, and a hub that knows it. */
async function world(reply: (command: Command, verb: string) => unknown, clockAheadMs = 0) {
  const host = hostId(`cmd-${process.pid}-${(hosts += 1)}`)
  const clock = manualClock(NOON)
  const heard: Command[] = []
  hostNc.subscribe(subjects.commandsOf(host), {
    callback: (_, message) => {
      const command = Command.parse(message.json())
      heard.push(command)
      message.respond(JSON.stringify(reply(command, message.subject.split(".").slice(4).join("."))))
    },
  })
  await hostNc.flush()
  const speakerOf = () => ({ instance: instance(1), clockAheadMs })
  const commands = createHostCommands({ nc, clock, log, speakerOf })
  commands.start()
  await nc.flush()
  const tell = (data: ResultData) =>
    hostNc.publish(subjects.event(host, "result"), JSON.stringify(envelope("result", data, { host })))
  return { host, commands, heard, clock, tell }
}

const accept = ({ id }: Command) => ({ accepted: true, id })

describe("a command to a host", () => {
  it("carries who it is for, its lease, and a deadline by the host's own clock", async () => {
    const { host, commands, heard } = await world(accept, 60_000)
    const lease = { lease_id: "l-1", fencing_token: 12 }
    const sent = await commands.send(host, "warm", { args: { model: "m" }, lease, beginWithinMs: 5_000 })
    expect(sent).toMatchObject({ ok: true, repeated: false, result: null })
    expect(heard).toMatchObject([{ id: sent.id, instance: instance(1), args: { model: "m" }, ...lease }])
    expect(Date.parse(heard[0]?.deadline ?? "")).toBe(NOON + 65_000)
  })

  it("that is refused is refused in the host's words", async () => {
    const error = { code: "LEASE_FENCED", message: "older than 9", retryable: false }
    const { host, commands } = await world(() => ({ error }))
    const sent = await commands.send(host, "unload_all", { args: {} })
    expect(sent).toMatchObject({ ok: false, refusal: { ...error, origin: "host" } })
  })

  it("to a host where nobody listens is not done, and may be tried again", async () => {
    const { commands } = await world(accept)
    const sent = await commands.send(hostId("nobody"), "probe", { args: {} })
    expect(sent).toMatchObject({
      ok: false,
      refusal: { code: "COMMAND_UNANSWERED", retryable: true, origin: "hub" },
    })
  })

  it.each([
    ["nothing", null],
    ["an older sidecar's", { ok: true }],
  ])("answered with %s makes no sense and is not taken for done", async (_, nonsense) => {
    const { host, commands } = await world(() => nonsense)
    expect(await commands.send(host, "probe", { args: {} })).toMatchObject({
      ok: false,
      refusal: { code: "COMMAND_FAILED" },
    })
  })
})

describe("the outcome of a command", () => {
  const verb: CommandVerb = "unload_all"

  it("is waited for, told apart from those of others", async () => {
    const { host, commands, tell } = await world((command) => {
      tell({ id: "another", ok: false })
      tell({ id: command.id, ok: true, data: { took_ms: 3 } })
      return accept(command)
    })
    const outcome = await commands.run(host, verb, { args: {}, waitMs: 5_000 })
    expect(outcome).toMatchObject({ ok: true, data: { took_ms: 3 } })
  })

  it("of one that was done before comes with the answer", async () => {
    const { host, commands } = await world(({ id }) => {
      const error = { code: "MODEL_NOT_FOUND", message: "no" }
      return { accepted: true, id, repeated: true, result: { id, ok: false, error } }
    })
    const outcome = await commands.run(host, verb, { args: {}, waitMs: 5_000 })
    expect(outcome).toMatchObject({ ok: false, refusal: { code: "MODEL_NOT_FOUND", message: "no" } })
  })

  it("that was not heard is found when it is stored", async () => {
    const { host, commands } = await world((command) => {
      commands.stored([envelope("result", { id: command.id, ok: true }, { host })])
      return accept(command)
    })
    expect(await commands.run(host, verb, { args: {}, waitMs: 5_000 })).toMatchObject({
      ok: true,
      data: null,
    })
  })

  it("that never comes is given up at the stated time", async () => {
    const { host, commands, clock } = await world((command) => {
      clock.advance(5_000)
      return accept(command)
    })
    const outcome = await commands.run(host, verb, { args: {}, waitMs: 5_000 })
    expect(outcome).toMatchObject({ ok: false, refusal: { code: "COMMAND_UNANSWERED" } })
  })
})
