import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import type { Sql } from "../../../hub/src/platform/postgres.ts"
import type { Attempt, Held } from "./judge.ts"

export interface Trial {
  database: string
  nats: string
  /** Where each process writes down what it sees. */
  folder: string
  sql: Sql
  workers: number
  attempts: number
  hosts: number
  /** So many of the processes are killed in the middle of it. */
  kill: number
  /** So many are stopped, for longer than a lease lives. */
  stop: number
  stopMs: number
}

export interface TrialResult {
  attempts: Attempt[]
  held: Held[]
  refused: number
  /** How leases ended, counted. */
  ends: ReadonlyMap<string, number>
}

/** Many attempts on the leases of few hosts at once, by several processes that come to harm. */
export async function runTrial(trial: Trial): Promise<TrialResult> {
  const { workers, kill, stop, stopMs, sql } = trial
  const share = Math.ceil(trial.attempts / workers)
  const files = Array.from({ length: workers }, (_, worker) => join(trial.folder, `worker-${worker}.jsonl`))
  const children = files.map((file, worker) => {
    const own = ["--worker", String(worker), "--attempts", String(share), "--file", file]
    const shared = ["--database", trial.database, "--nats", trial.nats, "--hosts", String(trial.hosts)]
    return spawn(process.execPath, [join(import.meta.dirname, "worker.ts"), ...own, ...shared], {
      stdio: "inherit",
    })
  })
  const ends = children.map((child) => once(child, "exit"))

  /** When a worker has asked for everything and is in the middle of it. */
  const busy = async (worker: number): Promise<ChildProcess> => {
    const file = files[worker] ?? ""
    while (!existsSync(file) || readFileSync(file, "utf8").split("\n").length < share + share / 4)
      await delay(50)
    const child = children[worker]
    if (!child) throw new Error(`there is no worker ${worker}`)
    return child
  }
  for (let worker = 0; worker < kill; worker += 1) (await busy(worker)).kill("SIGKILL")
  for (let worker = kill; worker < kill + stop; worker += 1) {
    const child = await busy(worker)
    child.kill("SIGSTOP")
    setTimeout(() => child.kill("SIGCONT"), stopMs)
  }
  await Promise.all(ends)

  const lines = files.flatMap((file) => readFileSync(file, "utf8").trim().split("\n"))
  const rows = await sql`
    select provider_id, fencing_token, extract(epoch from granted_at)::float8 * 1000 as from,
      extract(epoch from expires_at)::float8 * 1000 as to, ended_as
    from control_host_leases`
  const held = rows.map((row) => ({
    ...{ host: String(row["provider_id"]), token: Number(row["fencing_token"]) },
    ...{ from: Number(row["from"]), to: Number(row["to"]) },
  }))
  const counts = new Map<string, number>()
  for (const row of rows) counts.set(String(row["ended_as"]), (counts.get(String(row["ended_as"])) ?? 0) + 1)
  return { ...attemptsOf(lines), held, ends: counts }
}

function attemptsOf(lines: readonly string[]): { attempts: Attempt[]; refused: number } {
  interface Event {
    key?: string
    kind: string
    host: string
    worker: number
    at: number
    token: number
    calledAt: number
    returnedAt: number
  }
  const open = new Map<string, Attempt>()
  let refused = 0
  for (const line of lines) {
    const event = JSON.parse(line) as Event
    const { key = "", kind, at } = event
    const known = open.get(key)
    if (kind === "refused") refused += 1
    if (kind === "asked")
      open.set(key, {
        ...{ worker: event.worker, host: event.host, askedAt: at, queuedAt: null, granted: null, steps: [] },
      })
    if (!known) continue
    if (kind === "queued") open.set(key, { ...known, queuedAt: at })
    if (kind === "granted") open.set(key, { ...known, granted: { at, token: event.token } })
    if (kind === "step") {
      const { calledAt, returnedAt } = event
      open.set(key, { ...known, steps: [...known.steps, { calledAt, returnedAt }] })
    }
  }
  return { attempts: [...open.values()], refused }
}
