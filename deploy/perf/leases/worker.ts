// One of several hubs that give leases: makes its share of the attempts and writes down each as it goes, so that what
// it saw outlives its own death.
import { appendFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { HostId } from "@boocontrol/shared/ids"
import { acquirer } from "../../../hub/src/leases/acquire.ts"
import { leaseKeeping } from "../../../hub/src/leases/keeping.ts"
import { leasesStore } from "../../../hub/src/leases/store.ts"
import { createLeaseWatch } from "../../../hub/src/leases/watch.ts"
import { systemClock } from "../../../hub/src/platform/clock.ts"
import { silentLog } from "../../../hub/src/platform/log.ts"
import { connectNats } from "../../../hub/src/platform/nats.ts"
import { connectPostgres } from "../../../hub/src/platform/postgres.ts"

const { values } = parseArgs({
  options: {
    database: { type: "string", default: "" },
    nats: { type: "string", default: "" },
    worker: { type: "string", default: "0" },
    attempts: { type: "string", default: "100" },
    hosts: { type: "string", default: "10" },
    ttl: { type: "string", default: "2" },
    file: { type: "string", default: "" },
  },
})
const worker = Number(values.worker)
const log = silentLog
const clock = systemClock
const sql = connectPostgres(values.database, { log, max: 8 })
const nc = await connectNats({ url: values.nats, credsFile: null, name: `leases ${worker}`, log, clock })
const store = leasesStore(sql)
const hosts = Array.from({ length: Number(values.hosts) }, (_, index) => HostId.parse(`host-${index}`))
const announcer = { isOne: () => false }
const watch = createLeaseWatch({ sql, nc, store, clock, log, announcer, frame: { leased: () => undefined } })
const port = { ids: () => hosts, workOn: () => 0, onWork: () => () => undefined }
const keeping = leaseKeeping(store, watch)
await watch.start()

/** CLOCK_MONOTONIC: one for all processes, and it goes on while one of them is stopped. */
const now = (): number => Number(process.hrtime.bigint())
const write = (event: Record<string, unknown>): void =>
  appendFileSync(values.file, `${JSON.stringify(event)}\n`)
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function attempt(number: number): Promise<void> {
  const host = hosts[(number * 7 + worker) % hosts.length]
  if (!host) return
  const key = `${worker}-${number}`
  const seen = {
    ...store,
    async acquire(...given: Parameters<typeof store.acquire>) {
      const asked = await store.acquire(...given)
      if (asked.outcome === "waiting") write({ key, kind: "queued", at: now() })
      return asked
    },
  }
  const acquire = acquirer({ store: seen, watch, hosts: port, clock })
  write({ key, kind: "asked", host, worker, at: now() })
  const request = {
    holder: `w${worker}`,
    purpose: "proof",
    mode: "exclusive" as const,
    ttl_s: Number(values.ttl),
  }
  const grant = await acquire({ provider_id: host, ...request, wait_s: 150 }, new AbortController().signal)
  write({ key, kind: "granted", at: now(), token: grant.fencing_token })
  const ref = { lease_id: grant.lease_id, fencing_token: grant.fencing_token }
  const step = async (work: () => Promise<unknown>): Promise<void> => {
    const calledAt = now()
    await work()
    write({ key, kind: "step", calledAt, returnedAt: now() })
  }
  await step(() => keeping.renew(ref))
  await pause(Math.random() * 30)
  await step(() => keeping.release(ref, null))
}

const outcomes = await Promise.allSettled(
  Array.from({ length: Number(values.attempts) }, (_, number) => attempt(number)),
)
for (const outcome of outcomes)
  if (outcome.status === "rejected") {
    const code: unknown =
      outcome.reason instanceof Error && "code" in outcome.reason ? outcome.reason.code : null
    write({ kind: "refused", code, why: String(outcome.reason).slice(0, 200) })
  }
await watch.stop()
await nc.close()
await sql.end({ timeout: 2 })
