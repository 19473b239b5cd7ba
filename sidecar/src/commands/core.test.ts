import { randomUUID } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CommandId } from "@boocontrol/shared/commands"
import type { Command } from "@boocontrol/shared/commands"
import { HostId, InstanceId } from "@boocontrol/shared/ids"
import { instantOf } from "@boocontrol/shared/time"
import { admit, EMPTY_LEDGER, ended, interrupted } from "./core.ts"
import type { Ledger, Verdict } from "./core.ts"

const NOON = Date.UTC(2026, 10, 26, 12)
const host = HostId.parse("rack")
const instance = InstanceId.parse(randomUUID())
const newId = () => CommandId.parse(randomUUID())

function command(more: Partial<Command> = {}): Command {
  return { v: 1, id: newId(), instance, deadline: instantOf(NOON + 1_000), args: {}, ...more }
}

function ask(ledger: Ledger, asked: Command, nowMs = NOON): Verdict {
  return admit(ledger, { verb: "warm", command: asked, host, instance, nowMs })
}

function accepted(ledger: Ledger, asked: Command): Ledger {
  const verdict = ask(ledger, asked)
  if (verdict.kind !== "accepted") throw new Error(`it was ${verdict.kind}`)
  return verdict.ledger
}

const codeOf = (verdict: Verdict) => (verdict.kind === "refused" ? verdict.error.code : verdict.kind)

describe("a command", () => {
  const other = InstanceId.parse(randomUUID())
  it.each([
    ["in time", command(), NOON, "accepted"],
    ["at its deadline", command(), NOON + 1_000, "accepted"],
    ["after its deadline", command(), NOON + 1_001, "COMMAND_LATE"],
    ["for another installation", command({ instance: other }), NOON, "COMMAND_MISADDRESSED"],
    ["with the newest token", command({ fencing_token: 7 }), NOON, "accepted"],
    ["with a newer token", command({ fencing_token: 8 }), NOON, "accepted"],
    ["with an older token", command({ fencing_token: 6 }), NOON, "LEASE_FENCED"],
    ["without a token, which is nobody's lease", command(), NOON, "accepted"],
  ])("%s", (_, asked, nowMs, expected) => {
    expect(codeOf(ask({ token: 7, commands: [] }, asked, nowMs))).toBe(expected)
  })

  it("that came before is answered with how it ended, also after its deadline and under an older token", () => {
    const asked = command({ fencing_token: 3 })
    const running = accepted(EMPTY_LEDGER, asked)
    expect(ask(running, asked)).toEqual({ kind: "repeated", result: null })
    const result = { id: asked.id, ok: true, data: { took_ms: 5 } }
    const after = { ...ended(running, result), token: 9 }
    expect(ask(after, asked, NOON + 60_000)).toEqual({ kind: "repeated", result })
  })

  it("of an earlier life that had not ended is told as interrupted, and only once", () => {
    const [done, open] = [command(), command()]
    let ledger = accepted(accepted(EMPTY_LEDGER, done), open)
    ledger = ended(ledger, { id: done.id, ok: true })
    const lost = interrupted(ledger, host)
    expect(lost.map(({ id, error }) => [id, error?.code])).toEqual([[open.id, "COMMAND_INTERRUPTED"]])
    for (const result of lost) ledger = ended(ledger, result)
    expect(interrupted(ledger, host)).toEqual([])
  })

  it("brought much: only how it ended is remembered", () => {
    const asked = command()
    const ledger = ended(accepted(EMPTY_LEDGER, asked), {
      ...{ id: asked.id, ok: true, data: "x".repeat(5_000) },
    })
    expect(ledger.commands[0]?.result).toEqual({ id: asked.id, ok: true })
  })
})

describe("over any history of commands", () => {
  it("accepts no id twice, no token lower than one before, and forgets nothing that runs", () => {
    const step = fc.record({ id: fc.nat(400), token: fc.option(fc.nat(30)), ends: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
        const ids = new Map<number, CommandId>()
        const running = new Set<CommandId>()
        let ledger: Ledger = EMPTY_LEDGER
        let newest = 0
        const wrong: string[] = []
        for (const { id: number, token, ends } of steps) {
          const id = ids.get(number) ?? newId()
          ids.set(number, id)
          const verdict = ask(ledger, command({ id, ...(token ? { fencing_token: token } : {}) }))
          if (running.has(id) && verdict.kind !== "repeated") wrong.push(`twice: ${id}`)
          if (verdict.kind !== "accepted") continue
          if (token && token < newest) wrong.push(`${token} after ${newest}`)
          newest = Math.max(newest, token ?? 0)
          ledger = verdict.ledger
          if (ends) ledger = ended(ledger, { id, ok: true })
          else running.add(id)
        }
        expect(wrong).toEqual([])
        const remembered = new Set(ledger.commands.map(({ id }) => id))
        expect([...running].every((id) => remembered.has(id))).toBe(true)
        expect(ledger.commands.length - running.size).toBeLessThanOrEqual(200)
      }),
      { numRuns: 30 },
    )
  })
})
