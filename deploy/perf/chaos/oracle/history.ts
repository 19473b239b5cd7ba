import { postgres } from "../../../test/services/clients.ts"
import type { Sql } from "../../../test/services/clients.ts"
import type { RecordedGap, StoredRow } from "./rows.ts"
import type { Sample } from "./samples.ts"
import { readingsOf } from "./streams.ts"

export interface Note {
  provider_id: string
  kind: string
  tsMs: number
  detail: Record<string, unknown>
}

export interface DeadLetter {
  provider_id: string | null
  reason: string
  problem: string
}

/** What is in Postgres, read with SQL of its own. */
export interface History {
  rows(): Promise<StoredRow[]>
  notes(): Promise<Note[]>
  samples(): Promise<Sample[]>
  deadLetters(): Promise<DeadLetter[]>
  close(): Promise<void>
}

export function openHistory(url: string): History {
  const sql: Sql = postgres(url, { max: 2, onnotice: () => undefined })
  return {
    async rows() {
      const rows = await sql<StoredRow[]>`
        select provider_id, swap_epoch, swap_entry_id::float8 as swap_entry_id, model, req_path, status_code,
          duration_ms, (extract(epoch from ts) * 1000)::float8 as "tsMs"
        from control_requests`
      return [...rows]
    },
    async notes() {
      const notes = await sql<Note[]>`
        select provider_id, state as kind, (extract(epoch from ts) * 1000)::float8 as "tsMs", detail
        from control_model_events where model = '*' order by ts`
      return [...notes]
    },
    async samples() {
      const rows = await sql<
        {
          host: string
          boot: string
          seq: number
          tsMs: number
          source: string
          gpu: unknown
          sys: unknown
        }[]
      >`
        select provider_id as host, boot, seq::float8 as seq, (extract(epoch from ts) * 1000)::float8 as "tsMs",
          source, gpu, sys
        from control_perf_samples`
      return rows.map(({ gpu, sys, ...row }) => ({ ...row, readings: readingsOf(gpu, sys) }))
    },
    async deadLetters() {
      const letters = await sql<DeadLetter[]>`select provider_id, reason, problem from control_dead_letters`
      return [...letters]
    },
    close: () => sql.end({ timeout: 5 }),
  }
}

export function gapsIn(notes: readonly Note[]): RecordedGap[] {
  return notes.flatMap(({ provider_id, kind, detail }) => {
    if (kind !== "gap_suspected") return []
    const { from, to, first_row: firstRow } = detail
    if (typeof to !== "string") return []
    return [{ provider_id, fromMs: msOf(from), toMs: Date.parse(to), tailFromMs: msOf(firstRow) }]
  })
}

function msOf(value: unknown): number | null {
  return typeof value === "string" ? Date.parse(value) : null
}

/** Messages that the notes of a host say were dropped. */
export function droppedIn(notes: readonly Note[], host: string): number {
  return notes
    .filter(({ provider_id, kind }) => provider_id === host && kind === "spool_dropped")
    .reduce((sum, { detail }) => sum + (Number(detail["count"]) || 0), 0)
}
