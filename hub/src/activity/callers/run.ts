import { setImmediate } from "node:timers/promises"
import type { ActivityRow } from "@boocontrol/shared/activity"
import type { Clock } from "../../platform/clock.ts"
import type { Log } from "../../platform/log.ts"
import type { Sql } from "../../platform/postgres.ts"
import type { AnnounceActivity, GatewaysPort } from "../ports.ts"
import { startPasses } from "../passes.ts"
import { announcements } from "../run.ts"
import { AROUND_MS, isNameless, nameCallers, timesOf } from "./core.ts"
import { claimMarks, rowsOf, settleMarks, storeNames } from "./store.ts"
import type { NamedRow } from "./store.ts"

export interface NamingOptions {
  sql: Sql
  clock: Clock
  log: Log
  gateways: GatewaysPort
  announce: AnnounceActivity
  /** Rows that have changed. */
  stored: (rows: readonly ActivityRow[]) => void
  settleMs?: number
}

const EVERY_MS = 2_000
/**
 * A row and what was sent are stored within a second of each other, and a sidecar finds out itself what it can. Earlier,
 * a row that is still to come would be missed, and another one named instead; later, people wait for the name.
 */
const SETTLE_MS = 8_000

/** Names the callers of rows by what gateways sent, in the background. `stop` waits for the pass in hand. */
export function startNaming(options: NamingOptions): () => Promise<void> {
  const { clock, log } = options
  const steps = [() => nameSome(options)]
  return startPasses({ clock, log, everyMs: EVERY_MS, steps, failed: "callers could not be looked for now" })
}

/** Resolves to how many spans it looked at. Several hubs take different ones, and again names the same. */
export async function nameSome(options: NamingOptions): Promise<number> {
  const { sql, gateways, announce, stored, settleMs = SETTLE_MS } = options
  const marks = await claimMarks(sql, settleMs)
  if (marks.length === 0) return 0
  const asked = marks.map((mark) => {
    const [host, aheadMs] = [mark.provider_id, gateways.clockAheadMs(mark.provider_id)]
    return { host, aheadMs, of: timesOf(mark, aheadMs) }
  })
  const around = asked.map(({ host, aheadMs, of }) => ({
    ...{ host, fromMs: of.fromMs - AROUND_MS + aheadMs, toMs: of.toMs + AROUND_MS + aheadMs },
  }))
  const rows = await rowsOf(sql, around, settleMs)
  const wanted = asked
    .map((one, index) => ({ ...one, rows: rows[index] ?? [] }))
    .filter((one) => one.rows.some(isNameless))
  const sent = await gateways.sent(
    wanted.map(({ host, of }) => ({ host, fromMs: of.fromMs - AROUND_MS, toMs: of.toMs + AROUND_MS })),
  )
  const names: NamedRow[] = []
  for (const [index, { host, aheadMs, of, rows: own }] of wanted.entries()) {
    const named = nameCallers(own, sent[index] ?? [], { of, aheadMs })
    for (const { id, ts, settled } of own) {
      const caller = named.get(id)
      if (caller && settled) names.push({ id, ts, provider_id: host, ...caller })
    }
    await setImmediate()
  }
  const changed = names.length === 0 ? [] : await storeNames(sql, names)
  for (const { committed, text } of announcements(changed, new Map())) announce(committed, text)
  stored(changed)
  await settleMarks(sql, marks)
  return marks.length
}
