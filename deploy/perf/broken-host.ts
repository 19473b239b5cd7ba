// pnpm perf:broken-host: what a host that sends nonsense, or far too much, does to how soon a cockpit hears of the others.
import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { connect } from "@nats-io/transport-node"
import type { NatsConnection } from "@nats-io/transport-node"
import { silentLog } from "../../hub/src/platform/log.ts"
import { connectPostgres } from "../../hub/src/platform/postgres.ts"
import { conditions } from "./figures.ts"
import type { Ledger } from "./load.ts"
import { startStack } from "./stack.ts"
import { trafficHost } from "./traffic.ts"
import type { Seen } from "./watchers.ts"

const TARGET_P99_MS = 250
const SOCKETS = 10
const VISIBLE_HOSTS = 12
const WARM_UP_S = 20
const TICK_MS = 20
/** Where no other host is. */
const BROKEN = 9_999

const { values: options } = parseArgs({
  options: {
    hosts: { type: "string", default: "200" },
    /** Of each way to be broken, and of none. */
    seconds: { type: "string", default: "20" },
  },
})
const hosts = Number(options.hosts)
const seconds = Number(options.seconds)

interface Way {
  readonly name: string
  readonly perSecond: number
  /** Subject and text of the next message. */
  make(n: number): readonly [subject: string, text: string]
}

const broken = trafficHost(BROKEN)
const filler = "x".repeat(900_000)
const spoiled = (text: string, from: string, to: string): string => text.replace(from, to)

const WAYS: readonly Way[] = [
  {
    name: "no JSON, 2,000/s",
    perSecond: 2_000,
    make: (n) => [`boo.v1.evt.${broken.id}.${n % 2 === 0 ? "note" : "models"}`, `{ nonsense ${n}`],
  },
  {
    name: "no JSON among samples, 1,000/s",
    perSecond: 1_000,
    make: (n) => [`boo.v1.evt.${broken.id}.perf`, `{ nonsense ${n}`],
  },
  {
    name: "envelopes of another version, 1,000/s",
    perSecond: 1_000,
    make() {
      const { subject, text } = broken.activity(Date.now(), 1)
      return [subject, spoiled(text, `"v":1`, `"v":9`)]
    },
  },
  {
    name: "in the name of other hosts, 1,000/s",
    perSecond: 1_000,
    make(n) {
      const { text } = broken.activity(Date.now(), 1)
      return [`boo.v1.evt.load-${String(n % hosts).padStart(4, "0")}.activity`, text]
    },
  },
  {
    name: "900 KB that is no event, 20/s",
    perSecond: 20,
    make: (n) => [`boo.v1.evt.${broken.id}.note`, `{"n":${n},"filler":"${filler}"}`],
  },
  {
    name: "request rows as if it served 2,000/s",
    perSecond: 200,
    make() {
      const { subject, text } = broken.activity(Date.now(), 10)
      return [subject, text]
    },
  },
  {
    name: "20,000 log lines a second",
    perSecond: 400,
    make() {
      const { subject, text } = broken.log(Date.now(), 50)
      return [subject, text]
    },
  },
]

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Publishes without waiting for anybody, as who is broken does. */
async function breakIt(nc: NatsConnection, way: Way): Promise<number> {
  const startedAt = performance.now()
  let sent = 0
  while (performance.now() - startedAt < seconds * 1000) {
    const due = ((performance.now() - startedAt) / 1000) * way.perSecond
    for (; sent < due; sent += 1) nc.publish(...way.make(sent))
    await pause(TICK_MS)
  }
  await nc.flush()
  return sent
}

function child(file: string, args: Record<string, string>): ChildProcess {
  const flags = Object.entries(args).flatMap(([name, value]) => [`--${name}`, value])
  return fork(join(import.meta.dirname, file), flags, { stdio: ["ignore", "pipe", "inherit", "ipc"] })
}

async function seenBy(watchers: ChildProcess): Promise<Seen> {
  watchers.send("read")
  const [seen] = (await once(watchers, "message")) as [Seen]
  return seen
}

function p99sOf({ latencies, holes, lagged, closed }: Seen): { line: string; worst: number } {
  const of = (type: string): number => latencies[type]?.p99 ?? Number.NaN
  const kinds = ["control_fleet", "control_perf", "control_activity"].map(of)
  const cells = kinds.map((ms) => `${ms} ms`.padStart(11)).join("")
  return { line: `${cells}   ${holes} holes, ${lagged} lagged, ${closed} closed`, worst: Math.max(...kinds) }
}

async function main(): Promise<boolean> {
  console.log(`${await conditions()}; ${hosts} hosts with 4 GPUs at 1 Hz, ${SOCKETS} sockets`)
  const stack = await startStack()
  const children: ChildProcess[] = []
  const nc = await connect({ servers: stack.natsUrl })
  try {
    const whole = WARM_UP_S + (seconds + 2) * (WAYS.length + 1)
    const emitter = child("load.ts", {
      ...{ nats: stack.natsUrl, hosts: String(hosts), requests: "10", seconds: String(whole) },
    })
    let told = ""
    emitter.stdout?.on("data", (chunk: Buffer) => (told += chunk.toString()))
    const emitted = once(emitter, "close")
    await pause((WARM_UP_S / 2) * 1000)
    const watchers = child("watchers.ts", {
      ...{ url: stack.hubUrl, sockets: String(SOCKETS), visible: String(VISIBLE_HOSTS), except: broken.id },
    })
    children.push(emitter, watchers)
    await pause((WARM_UP_S / 2) * 1000)
    console.log(`\np99 from event to socket, of all others${"fleet   samples   requests".padStart(33)}`)
    await seenBy(watchers)
    await pause(seconds * 1000)
    const before = p99sOf(await seenBy(watchers))
    console.log(`${"nobody broken".padEnd(40)}${before.line}`)
    const worsts: number[] = []
    for (const way of WAYS) {
      await breakIt(nc, way)
      const { line, worst } = p99sOf(await seenBy(watchers))
      worsts.push(worst)
      console.log(`${way.name.padEnd(40)}${line}`)
      await pause(2_000)
      await seenBy(watchers)
    }
    await emitted
    const ledger = JSON.parse(told) as Ledger
    return (await reportStored(stack.databaseUrl, ledger)) && reportWorst(worsts)
  } finally {
    for (const one of children) if (one.exitCode === null) one.kill("SIGKILL")
    await nc.close()
    await stack.stop()
  }
}

function reportWorst(worsts: readonly number[]): boolean {
  const worst = Math.max(...worsts)
  const isMet = worst <= TARGET_P99_MS
  console.log(
    `target p99 <= ${TARGET_P99_MS} ms beside a broken host: ${worst} ms, ${isMet ? "met" : "NOT MET"}`,
  )
  return isMet
}

/** What all others sent, and what was kept of what made no sense. */
async function reportStored(url: string, ledger: Ledger): Promise<boolean> {
  const sql = connectPostgres(url, { log: silentLog, max: 1, answerWithinMs: null })
  try {
    for (let attempt = 0; ; attempt += 1) {
      const [row] = await sql<
        { samples: number; requests: number; letters: number; more: number; mb: number }[]
      >`
        select
          (select count(*) from control_perf_samples where provider_id <> ${broken.id}) as samples,
          (select count(*) from control_requests where provider_id <> ${broken.id}) as requests,
          (select count(*) from control_dead_letters) as letters,
          (select coalesce(sum(more), 0)::bigint from control_dead_letters) as more,
          (select coalesce(sum(octet_length(payload)), 0)::bigint / 1000000 from control_dead_letters) as mb`
      const isWhole = row?.samples === ledger.samples && row.requests === ledger.requests
      if (!isWhole && attempt < 60) {
        await pause(500)
        continue
      }
      console.log(
        `\nof all others ${ledger.samples} samples and ${ledger.requests} requests were sent, ` +
          `${row?.samples} and ${row?.requests} stored: ${isWhole ? "every one" : "NOT EQUAL"}`,
      )
      console.log(`dead letters: ${row?.letters} kept (${row?.mb} MB), ${row?.more} more counted`)
      return isWhole
    }
  } finally {
    await sql.end()
  }
}

process.exitCode = (await main()) ? 0 : 1
